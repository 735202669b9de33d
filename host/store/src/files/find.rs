//! Finds the files that a URI names.

use std::fs;
use std::path::Path;

use super::open::{local_info, object_info};
use super::pattern::{self, Name};
use super::{FileInfo, Files};
use crate::object::Object;
use crate::{Error, Location, Result, Scheme, Stopper};

pub(super) fn find(files: &Files, uri: &str, stopper: &Stopper) -> Result<Vec<FileInfo>> {
    let mut found = match Location::parse(uri)? {
        Location::Local(path) => {
            let text = path.to_str().ok_or_else(|| not_utf8(&path))?;
            local(files, uri, text, stopper)?
        }
        Location::Object(url) if pattern::is_pattern(&url.key) => matching(
            files,
            uri,
            &url.key,
            |folder| url.with_key(folder).to_string(),
            stopper,
        )?,
        Location::Object(_) => object(files, uri, stopper)?,
    };
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn local(files: &Files, uri: &str, path: &str, stopper: &Stopper) -> Result<Vec<FileInfo>> {
    // A file may have a name that looks like a pattern.
    if pattern::is_pattern(path) && files.grants.readable(path).is_err() {
        return matching(files, uri, path, str::to_owned, stopper);
    }
    let folder = Folder::open(files, path, stopper)?;
    match &folder {
        Folder::Local(_, path) if !path.is_dir() => Ok(vec![local_file(path)?]),
        _ => own_files(uri, folder.entries()?),
    }
}

/// The files right below a folder that was named. That it has none is no mistake, unless it has folders.
fn own_files(uri: &str, entries: Entries<'_>) -> Result<Vec<FileInfo>> {
    let below = entries.folders.iter().find(|below| !is_hidden(&below.name));
    let below = below.map(|below| below.name.clone());
    let files = shown(entries.files);
    match below {
        Some(name) if files.is_empty() => {
            let uri = uri.trim_end_matches('/');
            Err(Error::Invalid(format!(
                "`{uri}` is a folder without files of its own, but with folders such as `{name}`; name `{uri}/*` for their \
                 files, or `{uri}/**` for all below"
            )))
        }
        _ => Ok(files),
    }
}

/// The objects right below a folder, or an object.
fn object(files: &Files, uri: &str, stopper: &Stopper) -> Result<Vec<FileInfo>> {
    let folder = Folder::open(files, uri, stopper)?;
    let Folder::Object(_, object, _) = &folder else {
        return Ok(Vec::new());
    };
    if object.url.scheme != Scheme::S3 {
        return Ok(vec![object_info(object.find(stopper)?)]);
    }
    let (entries, refused) = match folder.entries() {
        // Who may not list may read nevertheless.
        Err(error @ Error::Refused { .. }) => (Entries::default(), Some(error)),
        entries => (entries?, None),
    };
    if !entries.files.is_empty() || !entries.folders.is_empty() || object.url.key.is_empty() {
        return refused.map_or_else(|| own_files(uri, entries), Err);
    }
    match (object.find(stopper), refused) {
        (Err(Error::NotFound(_)), Some(refused)) => Err(refused),
        (found, _) => Ok(vec![object_info(found?)]),
    }
}

fn matching(
    files: &Files,
    uri: &str,
    path: &str,
    whole: impl FnOnce(&str) -> String,
    stopper: &Stopper,
) -> Result<Vec<FileInfo>> {
    let (folder, names) = pattern::cut(path)?;
    let place = match (folder, Location::parse(uri)?) {
        ("", Location::Local(_)) => ".".to_owned(),
        (folder, _) => whole(folder),
    };
    let mut found = Vec::new();
    match Folder::open(files, &place, stopper) {
        Ok(folder) => folder.matching(&names, &mut found)?,
        Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    if found.is_empty() {
        return Err(Error::NoMatch(uri.into()));
    }
    Ok(found)
}

/// Where names are looked for.
enum Folder<'f> {
    Local(&'f Files, std::path::PathBuf),
    Object(&'f Files, Object, Stopper),
}

/// A folder in a folder.
struct Below<'f> {
    name: String,
    folder: Folder<'f>,
    /// It may lead in a circle.
    is_link: bool,
}

/// What is right below a folder, by name.
#[derive(Default)]
struct Entries<'f> {
    folders: Vec<Below<'f>>,
    files: Vec<(String, FileInfo)>,
}

impl<'f> Folder<'f> {
    fn open(files: &'f Files, uri: &str, stopper: &Stopper) -> Result<Self> {
        Ok(match files.grants.readable(uri)? {
            Location::Local(path) => Folder::Local(files, path),
            Location::Object(url) => {
                Folder::Object(files, files.objects.object(&url)?, stopper.clone())
            }
        })
    }

    fn entries(&self) -> Result<Entries<'f>> {
        match self {
            Self::Local(files, path) => local_entries(files, path),
            Self::Object(files, object, stopper) => {
                if object.url.scheme != Scheme::S3 {
                    return Err(Error::Invalid(format!(
                        "`{}`: HTTP has no list of files; name each file",
                        object.url
                    )));
                }
                let (folders, found) = object.list(stopper)?;
                let folders = folders.into_iter().map(|url| {
                    let folder = files.objects.object(&url)?;
                    Ok(Below {
                        name: last_name(&url.key),
                        folder: Folder::Object(files, folder, stopper.clone()),
                        is_link: false,
                    })
                });
                let found = found.into_iter().map(object_info);
                Ok(Entries {
                    folders: folders.collect::<Result<_>>()?,
                    files: found.map(|info| (last_name(&info.uri), info)).collect(),
                })
            }
        }
    }

    /// The files right below, but hidden ones.
    fn files(&self) -> Result<Vec<FileInfo>> {
        Ok(shown(self.entries()?.files))
    }

    /// Adds the files whose path below matches, and those of folders that do.
    fn matching(&self, names: &[Name], found: &mut Vec<FileInfo>) -> Result<()> {
        let Some((name, below)) = names.split_first() else {
            found.extend(self.files()?);
            return Ok(());
        };
        let Entries { folders, files } = self.entries()?;
        if matches!(name, Name::Folders) {
            if below.is_empty() {
                found.extend(self.files()?);
            } else {
                self.matching(below, found)?;
            }
        }
        for entry in folders.iter().filter(|entry| name.matches(&entry.name)) {
            match name {
                Name::Any(_) => entry.folder.matching(below, found)?,
                Name::Folders if entry.is_link || is_hidden(&entry.name) => {}
                Name::Folders => entry.folder.matching(names, found)?,
            }
        }
        if below.is_empty() && !matches!(name, Name::Folders) {
            let files = files.into_iter();
            let shown = files.filter(|(file, _)| !is_hidden(file) && name.matches(file));
            found.extend(shown.map(|(_, info)| info));
        }
        Ok(())
    }
}

fn local_entries<'f>(files: &'f Files, folder: &Path) -> Result<Entries<'f>> {
    let mut entries = Entries {
        folders: Vec::new(),
        files: Vec::new(),
    };
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            // A link may lead out of what is granted.
            if let Ok(Location::Local(real)) = files.grants.readable(&path.to_string_lossy()) {
                entries.folders.push(Below {
                    name,
                    folder: Folder::Local(files, real),
                    is_link: path.is_symlink(),
                });
            }
        } else if path.is_file() && !is_hidden(&name) {
            let text = path.to_str().ok_or_else(|| not_utf8(&path))?;
            if let Location::Local(real) = files.grants.readable(text)? {
                entries.files.push((name, local_file(&real)?));
            }
        }
    }
    Ok(entries)
}

fn local_file(path: &Path) -> Result<FileInfo> {
    let metadata = path.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::Invalid(format!(
            "`{}` is not a file",
            path.display()
        )));
    }
    let uri = path.to_str().ok_or_else(|| not_utf8(path))?;
    Ok(local_info(uri.to_owned(), &metadata))
}

fn shown(files: Vec<(String, FileInfo)>) -> Vec<FileInfo> {
    let shown = files.into_iter().filter(|(name, _)| !is_hidden(name));
    shown.map(|(_, info)| info).collect()
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

fn last_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn not_utf8(path: &Path) -> Error {
    Error::Invalid(format!("`{}` is not UTF-8: rename it", path.display()))
}
