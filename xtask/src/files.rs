//! Files that are compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Whether what is installed is what is wanted; what is not there is not.
pub(crate) fn same_contents(installed: &Path, wanted: &Path) -> anyhow::Result<bool> {
    let wanted = std::fs::read(wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    Ok(std::fs::read(installed).is_ok_and(|installed| installed == wanted))
}

/// What differs between two directories: paths within them, and how.
pub(crate) fn differences(committed: &Path, built: &Path) -> anyhow::Result<Vec<String>> {
    let (committed, mut built) = (contents(committed)?, contents(built)?);
    let mut found = Vec::new();
    for (path, bytes) in committed {
        match built.remove(&path) {
            None => found.push(format!("{} is not built any more", path.display())),
            Some(other) if other != bytes => found.push(format!("{} differs", path.display())),
            Some(_) => {}
        }
    }
    found.extend(built.keys().map(|path| format!("{} is not committed", path.display())));
    Ok(found)
}

fn contents(directory: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes =
                    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                files.insert(path.strip_prefix(directory)?.to_owned(), bytes);
            }
        }
    }
    Ok(files)
}
