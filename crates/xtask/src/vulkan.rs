//! A Vulkan driver: without a graphics card, Mesa's software one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::apt::{self, Family};
use crate::shell::{say, stdout_of};

const PACKAGES: &[&str] = &["mesa-vulkan-drivers", "libvulkan1"];
const LOADER: &str = "libvulkan.so.1";

/// Makes sure that there is a loader and at least one driver, or says what to do. macOS has Metal, Windows has DX12.
pub fn ensure() -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let Some(missing) = missing() else {
        say("Vulkan: found a driver and the loader");
        return Ok(());
    };
    if !apt::may_install() {
        bail!("{missing}.\n{}", advice(apt::family()));
    }
    say(&format!("{missing}; installing Mesa's, which also drives machines without a graphics card"));
    apt::install(PACKAGES)?;
    let missing = self::missing();
    ensure!(missing.is_none(), "{} although {} are installed", missing.unwrap_or_default(), PACKAGES.join(" and "));
    say("Vulkan: installed a driver and the loader");
    Ok(())
}

/// What is missing, as a clause.
fn missing() -> Option<String> {
    let places = driver_places(|name| std::env::var(name).ok());
    if !has_loader() {
        Some(format!("Vulkan's loader, {LOADER}, is not installed"))
    } else if !places.iter().any(|place| is_driver(place)) {
        Some("no Vulkan driver is installed".into())
    } else {
        None
    }
}

fn advice(family: Family) -> &'static str {
    match family {
        Family::Debian => "Install one as root: apt-get install mesa-vulkan-drivers libvulkan1",
        Family::Fedora => "Install one as root: dnf install mesa-vulkan-drivers vulkan-loader",
        Family::Arch => {
            "Install one as root: pacman -S vulkan-swrast vulkan-icd-loader (or your graphics card's driver)"
        }
        Family::Other => {
            "Install the Vulkan loader and a driver: your graphics card's, or Mesa's software one (lavapipe)"
        }
    }
}

/// The files and folders where the loader looks for descriptions of drivers.
fn driver_places(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let list = |name: &str| variable(name).filter(|value| !value.is_empty());
    let split = |value: String| std::env::split_paths(&value).collect::<Vec<_>>();
    // These replace the search.
    if let Some(only) = list("VK_DRIVER_FILES").or_else(|| list("VK_ICD_FILENAMES")) {
        return split(only);
    }
    let home = list("HOME").map(|home| Path::new(&home).join(".local/share"));
    let shared = list("XDG_DATA_DIRS").map(split).unwrap_or_default();
    let mut roots = vec![PathBuf::from("/etc"), "/usr/share".into(), "/usr/local/share".into()];
    roots.extend(list("XDG_DATA_HOME").map(PathBuf::from).or(home));
    roots.extend(shared);
    let mut places: Vec<PathBuf> = roots.iter().map(|root| root.join("vulkan/icd.d")).collect();
    places.extend(list("VK_ADD_DRIVER_FILES").map(split).unwrap_or_default());
    places
}

/// True for a driver's description or a folder that has one.
fn is_driver(place: &Path) -> bool {
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    match std::fs::read_dir(place) {
        Ok(mut entries) => entries.any(|entry| entry.is_ok_and(|entry| is_json(&entry.path()))),
        Err(_) => is_json(place) && place.is_file(),
    }
}

fn has_loader() -> bool {
    let known = |program| stdout_of(Command::new(program).arg("-p")).contains(LOADER);
    let folders = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&folders).chain(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    folders.map(|folder| folder.join(LOADER)).any(|file| file.is_file()) || known("ldconfig") || known("/sbin/ldconfig")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_variables_replace_the_search() {
        let places = driver_places(|name| (name == "VK_ICD_FILENAMES").then(|| "/a.json:/b".into()));
        assert_eq!(places, [PathBuf::from("/a.json"), "/b".into()]);
    }

    #[test]
    fn the_search_covers_system_user_and_shared_folders() {
        let places = driver_places(|name| match name {
            "HOME" => Some("/home/me".into()),
            "XDG_DATA_DIRS" => Some("/opt/share:/nix/share".into()),
            _ => None,
        });
        let expected = ["/etc", "/usr/share", "/usr/local/share", "/home/me/.local/share", "/opt/share", "/nix/share"];
        assert_eq!(places, expected.map(|root| Path::new(root).join("vulkan/icd.d")));
    }
}
