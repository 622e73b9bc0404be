//! The page, served to this machine alone.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::web;

/// The port unless another is asked for.
const PORT: u16 = 8080;

/// Threads that answer: a browser keeps some connections open at once.
const THREADS: usize = 8;

/// Builds the page and serves it until it is stopped.
pub fn serve(args: &[String]) -> Result<ExitCode> {
    let port = port(args)?;
    // A port that is taken is told before minutes of building.
    let server = open(port)?;
    let folder = web::default_folder();
    web::build(&folder)?;
    println!("http://127.0.0.1:{}", port_of(&server));
    answer(server, &folder);
    Ok(ExitCode::SUCCESS)
}

/// Serves `folder` in the background, as long as this program runs; returns where.
pub fn in_background(folder: PathBuf) -> Result<String> {
    let server = open(0)?;
    let address = format!("http://127.0.0.1:{}/", port_of(&server));
    std::thread::spawn(move || answer(server, &folder));
    Ok(address)
}

fn port(args: &[String]) -> Result<u16> {
    match args {
        [] => Ok(PORT),
        [flag, port] if flag == "--port" => {
            port.parse().map_err(|_| anyhow!("--port takes a number to 65535, not `{port}`"))
        }
        _ => Err(anyhow!("serve takes --port P and nothing else, but got: {}", args.join(" "))),
    }
}

fn open(port: u16) -> Result<Server> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Server::http(address).map_err(|error| anyhow!("could not listen on {address}: {error}. Choose another: --port P"))
}

fn port_of(server: &Server) -> u16 {
    server.server_addr().to_ip().map_or(0, |address| address.port())
}

fn answer(server: Server, folder: &Path) {
    let server = Arc::new(server);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let server = Arc::clone(&server);
            scope.spawn(move || {
                for request in server.incoming_requests() {
                    // Whoever asked may have gone.
                    let _ = respond(request, folder);
                }
            });
        }
    });
}

fn respond(request: Request, folder: &Path) -> Result<()> {
    let header =
        |name: &str, value: &str| Header::from_bytes(name, value).map_err(|()| anyhow!("{name}: {value} is no header"));
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Ok(request.respond(Response::empty(405).with_header(header("Allow", "GET, HEAD")?))?);
    }
    let file = file_of(request.url()).map(|file| folder.join(file));
    let Some((file, open)) = file.and_then(|file| File::open(&file).ok().map(|open| (file, open))) else {
        return Ok(request.respond(Response::from_string("There is no such file.").with_status_code(404))?);
    };
    ensure!(file.is_file(), "{} is a folder", file.display());
    let response = Response::from_file(open)
        .with_header(header("Content-Type", content_type(&file))?)
        // The next build is seen at once.
        .with_header(header("Cache-Control", "no-cache")?)
        .with_header(header("X-Content-Type-Options", "nosniff")?);
    Ok(request.respond(response)?)
}

/// The file that a URL's path names, below the folder; nothing for paths that lead out of it.
fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_path_buf())
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        assert_eq!(file_of("/"), Some("index.html".into()));
        assert_eq!(file_of("/?test#v=1"), Some("index.html".into()));
        assert_eq!(file_of("/a/b.js?v=1"), Some("a/b.js".into()));
        assert_eq!(file_of("/../secret"), None);
        assert_eq!(file_of("/a/../../secret"), None);
        // A file called so, not a way out: nothing is decoded.
        assert_eq!(file_of("/%2e%2e/secret"), Some("%2e%2e/secret".into()));
    }

    #[test]
    fn wasm_has_the_type_that_browsers_stream() {
        assert_eq!(content_type(Path::new("lowland_bg.wasm")), "application/wasm");
        assert_eq!(content_type(Path::new("boot.js")), "text/javascript; charset=utf-8");
    }

    #[test]
    fn the_port_is_a_number() {
        let args = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(port(&[]).ok(), Some(8080));
        assert_eq!(port(&args("--port 9000")).ok(), Some(9000));
        assert!(port(&args("--port 70000")).is_err());
        assert!(port(&args("9000")).is_err());
    }

    #[test]
    fn what_is_served_is_what_lies_in_the_folder() {
        use std::io::{Read, Write};
        let folder = std::env::temp_dir().join(format!("lowland-serve-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("index.html"), "<p>here").expect("a file in it");
        let address = in_background(folder.clone()).expect("a free port");
        let ask = |path: &str| {
            let host = address.trim_start_matches("http://").trim_end_matches('/');
            let mut stream = std::net::TcpStream::connect(host).expect("the server listens");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        };
        let page = ask("/");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/html") && page.ends_with("<p>here"), "{page}");
        assert!(ask("/none.js").starts_with("HTTP/1.1 404"));
        assert!(ask("/../index.html").starts_with("HTTP/1.1 404"));
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}
