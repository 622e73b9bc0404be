//! Installing packages on Debian and its relatives.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};

use crate::shell::{command, run, say, stdout_of, succeeds};

/// The families of systems that need different words or packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Debian,
    Fedora,
    Arch,
    Other,
}

/// This machine's family.
pub fn family() -> Family {
    parse_family(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// The family that an os-release file names in `ID` or, for its relatives, in `ID_LIKE`.
fn parse_family(os_release: &str) -> Family {
    let value = |key| os_release.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_default();
    let names = format!("{} {}", value("ID="), value("ID_LIKE="));
    names
        .split(|c: char| c.is_whitespace() || c == '"' || c == '\'')
        .find_map(|name| match name {
            "debian" | "ubuntu" => Some(Family::Debian),
            "fedora" | "rhel" | "centos" => Some(Family::Fedora),
            "arch" => Some(Family::Arch),
            _ => None,
        })
        .unwrap_or(Family::Other)
}

/// True if all `packages` are installed.
pub fn has(packages: &[&str]) -> bool {
    let states =
        stdout_of(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}\n"]).args(packages));
    states.lines().filter(|state| *state == "installed").count() == packages.len()
}

/// True if this machine has apt and lets us install without asking.
pub fn may_install() -> bool {
    family() == Family::Debian && succeeds(Command::new("apt-get").arg("--version")) && (is_root() || has_sudo())
}

/// Installs `packages`.
pub fn install(packages: &[&str]) -> Result<()> {
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.swap(true, Ordering::Relaxed) {
        say("apt-get update");
        if !run(apt_get().args(["-qq", "update"]))? {
            say("apt-get update failed; trying with the package lists that are here");
        }
    }
    let list = packages.join(" ");
    say(&format!("apt-get install {list}"));
    let done = run(apt_get().args(["-qq", "install", "--yes", "--no-install-recommends"]).args(packages))?;
    ensure!(done, "apt-get could not install {list}: see above");
    Ok(())
}

fn apt_get() -> Command {
    let mut apt_get = if is_root() { command("env") } else { command("sudo") };
    if !is_root() {
        apt_get.args(["-n", "env"]);
    }
    // Another package manager at work is waited for.
    apt_get.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]);
    apt_get
}

fn is_root() -> bool {
    stdout_of(Command::new("id").arg("-u")).trim() == "0"
}

fn has_sudo() -> bool {
    succeeds(Command::new("sudo").args(["-n", "true"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_names_the_family() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(parse_family(debian), Family::Debian);
        assert_eq!(parse_family("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Family::Debian);
        assert_eq!(parse_family("ID=fedora\nVARIANT_ID=server\n"), Family::Fedora);
        assert_eq!(parse_family("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Family::Fedora);
        assert_eq!(parse_family("ID='manjaro'\nID_LIKE=arch\n"), Family::Arch);
        assert_eq!(parse_family("ID=alpine\nHOME_URL=\"of debian\"\n"), Family::Other);
        assert_eq!(parse_family(""), Family::Other);
    }
}
