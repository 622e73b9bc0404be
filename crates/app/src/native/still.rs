//! Whether the system is asked to move less. No window library tells, so the desktop's own tool is asked, once.

use std::process::{Command, Stdio};

/// Whether nothing may move by itself; false where the system does not say.
pub fn wanted() -> bool {
    // The tool, and what it answers where less is to move.
    let (tool, arguments, answer): (_, &[&str], _) = if cfg!(target_os = "macos") {
        ("defaults", &["read", "com.apple.universalaccess", "reduceMotion"], "1")
    } else if cfg!(windows) {
        ("reg", &["query", r"HKCU\Control Panel\Desktop\WindowMetrics", "/v", "MinAnimate"], "0")
    } else {
        ("gsettings", &["get", "org.gnome.desktop.interface", "enable-animations"], "false")
    };
    let output = Command::new(tool).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().last() == Some(answer)
    })
}
