//! Which checkpoints make a plane together: one, three, or those of a training's path.

use super::{files, name, same};
use crate::args::Directions;
use crate::checkpoint::Loaded;
use lowland::{Error, Result};
use std::path::{Path, PathBuf};

/// Checkpoints of one surface.
pub struct Group {
    /// What its files are called.
    pub stem: String,
    /// What stands above its pictures.
    pub title: String,
    /// Places among all checkpoints, in order.
    pub files: Vec<usize>,
    /// What its networks are called in pictures.
    pub names: Vec<String>,
}

impl Group {
    /// The network that the plane is seen from.
    pub fn last(&self) -> usize {
        self.files[self.files.len() - 1]
    }

    /// The steps of its networks, where all of them tell.
    pub fn steps(&self, loaded: &[Loaded]) -> Option<Vec<u64>> {
        self.files.iter().map(|i| loaded[*i].step).collect()
    }
}

/// The checkpoints that are meant: of a run folder, the weights that were kept on the way.
pub fn expanded(directions: Directions, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if directions != Directions::Pca {
        return Ok(files.to_vec());
    }
    let mut all = Vec::new();
    for file in files {
        if file.is_dir() { all.extend(kept(file)?) } else { all.push(file.clone()) }
    }
    Ok(all)
}

fn kept(folder: &Path) -> Result<Vec<PathBuf>> {
    let within = folder.join("path");
    let from = if within.is_dir() { &within } else { folder };
    let entries = std::fs::read_dir(from).map_err(|e| Error::input(format!("{}: {e}.", from.display())))?;
    let weights = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors") && from == within.as_path();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(weights).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Error::input(format!(
            "{} keeps no weights of its path; train with --keep-every N, or give three or more checkpoints of one training.",
            folder.display()
        )));
    }
    Ok(paths)
}

/// Sorts checkpoints into the planes that they make.
pub fn groups(directions: Directions, files: &[PathBuf], loaded: &[Loaded]) -> Result<Vec<Group>> {
    let mut groups = match directions {
        Directions::Points => vec![Group {
            stem: String::new(),
            title: "the plane through three networks".into(),
            files: (0..files.len()).collect(),
            names: files.iter().map(|file| name(file)).collect(),
        }],
        Directions::Pca => paths(files, loaded)?,
        Directions::Random | Directions::Hessian => {
            let one = |(i, file): (usize, &PathBuf)| Group {
                stem: String::new(),
                title: name(file),
                files: vec![i],
                names: vec![String::new()],
            };
            files.iter().enumerate().map(one).collect()
        }
    };
    for group in &groups {
        let of: Vec<PathBuf> = group.files.iter().map(|i| files[*i].clone()).collect();
        let loaded: Vec<&Loaded> = group.files.iter().map(|i| &loaded[*i]).collect();
        same(&of, &loaded)?;
    }
    // Pictures side by side are told apart by what they are of.
    let whose = match directions {
        Directions::Pca => groups.iter().map(|group| PathBuf::from(&group.title)).collect(),
        _ => groups.iter().map(|group| files[group.last()].clone()).collect::<Vec<_>>(),
    };
    let several = groups.len() > 1;
    for (group, name) in groups.iter_mut().zip(files::names(&whose)) {
        group.stem = if several { format!("surface-{name}") } else { "surface".to_owned() };
    }
    if directions == Directions::Pca {
        groups.iter_mut().for_each(|group| group.title = format!("the path of {}", group.title));
    }
    Ok(groups)
}

/// The paths of trainings: a lane's weights that were kept, by their step; other files as one path in the order given.
fn paths(files: &[PathBuf], loaded: &[Loaded]) -> Result<Vec<Group>> {
    let lane = |i: usize| -> Option<String> {
        loaded[i].step?;
        name(&files[i]).rsplit_once('-').map(|(lane, _)| lane.to_owned())
    };
    let mut groups: Vec<(PathBuf, Group)> = Vec::new();
    let all_kept = (0..files.len()).all(|i| lane(i).is_some());
    for i in 0..files.len() {
        let title = lane(i).filter(|_| all_kept).unwrap_or_else(|| "the checkpoints given".into());
        let folder = if all_kept { files[i].parent().map(Path::to_owned).unwrap_or_default() } else { PathBuf::new() };
        match groups.iter_mut().find(|(own, group)| group.title == title && *own == folder) {
            Some((_, group)) => group.files.push(i),
            None => groups.push((folder, Group { stem: String::new(), title, files: vec![i], names: Vec::new() })),
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    for group in &mut groups {
        if group.files.len() < 3 {
            return Err(Error::input(format!(
                "the path of {} has {} checkpoints; its plane takes three or more of one training, in order.",
                group.title,
                group.files.len()
            )));
        }
        if let Some(steps) = group.steps(loaded) {
            group.files.sort_by_key(|i| loaded[*i].step);
            if steps.iter().enumerate().any(|(i, step)| steps[..i].contains(step)) {
                return Err(Error::input(format!("the path of {} has a step twice; give each once.", group.title)));
            }
        }
        let called = |i: &usize| loaded[*i].step.map_or_else(|| name(&files[*i]), |step| format!("step {step}"));
        let last = group.files.len() - 1;
        let ends = |(at, i): (usize, &usize)| if at == 0 || at == last { called(i) } else { String::new() };
        group.names = group.files.iter().enumerate().map(ends).collect();
    }
    Ok(groups)
}
