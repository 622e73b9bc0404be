//! Commands by name, and their keys.

use super::*;

#[test]
fn every_command_can_be_called_by_name() {
    for spec in COMMANDS {
        let argument = match spec.name {
            "set" => "rho=0.1",
            "reset" => "rho",
            "open-run" => "folder",
            "close-run" | "train-run" | "close-result" => "0",
            "add-point" | "move-point" => "1,0.5,0",
            "remove-point" => "1",
            _ => spec.offered.first().copied().unwrap_or_default(),
        };
        Command::parse(spec.name, argument).unwrap();
    }
}

#[test]
fn names_and_keys_are_one_each() {
    for (i, spec) in COMMANDS.iter().enumerate() {
        for other in &COMMANDS[..i] {
            assert_ne!(spec.name, other.name);
            assert!(spec.key.is_none() || spec.key != other.key, "{} and {}", spec.name, other.name);
        }
    }
    for (i, more) in MORE_KEYS.iter().enumerate() {
        Command::parse(more.command.0, more.command.1).unwrap();
        let taken = COMMANDS.iter().filter_map(|spec| spec.key).chain(MORE_KEYS[..i].iter().map(|other| other.key));
        assert!(taken.into_iter().all(|key| key != more.key), "{}", more.title);
    }
}

#[test]
fn what_cannot_be_done_is_explained() {
    assert!(Command::parse("fly", "").unwrap_err().contains("there are toggle-play, play"));
    for (name, argument) in
        [("play", "now"), ("plane", "x"), ("add-point", "1,2"), ("add-point", "nan,0,0"), ("zoom", "")]
    {
        assert!(Command::parse(name, argument).unwrap_err().contains("takes"), "{name} {argument}");
    }
}
