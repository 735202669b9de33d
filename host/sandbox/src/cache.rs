//! Compiled programs on disk, so that a component is compiled once per machine.
//!
//! Compiled code runs as it is, unchecked. So an artefact is loaded only if this very cache made it: each is sealed with
//! a key that never leaves the folder (0700, file 0600), and one that was copied here, cut short or changed is compiled anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use blake3::Hash;

/// Bytes of the key, and of the seal before each artefact.
const SEAL_BYTES: usize = blake3::OUT_LEN;

/// A folder of sealed artefacts.
#[derive(Debug)]
pub struct ArtefactCache {
    folder: PathBuf,
    key: [u8; SEAL_BYTES],
}

impl ArtefactCache {
    /// Opens the cache in `folder`, or makes it there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or read, or if others may write into it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        refuse_shared(folder)?;
        let path = folder.join("key");
        let key = match read_key(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, &path)?,
            key => key?,
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            key,
        })
    }

    /// The artefact of this name, if this cache made it and it is whole.
    pub(crate) fn get(&self, name: Hash) -> Option<Vec<u8>> {
        let mut artefact = fs::read(self.path(name)).ok()?;
        let seal = self.seal(name, artefact.get(SEAL_BYTES..)?);
        // `Hash` compares in constant time.
        let whole = seal == Hash::from_bytes(artefact[..SEAL_BYTES].try_into().ok()?);
        whole.then(|| artefact.split_off(SEAL_BYTES))
    }

    /// Waits until no other process makes the artefact of this name, and keeps others from it until the claim is dropped. A process
    /// that is killed gives it up.
    pub(crate) fn claim(&self, name: Hash) -> io::Result<Claim> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(format!("{name}.lock")))?;
        file.lock()?;
        Ok(Claim(file))
    }

    /// Keeps an artefact. Others see it whole or not at all.
    pub(crate) fn put(&self, name: Hash, artefact: &[u8]) -> io::Result<()> {
        let temporary = self
            .folder
            .join(format!("{name}.{}.part", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(self.seal(name, artefact).as_bytes())?;
        file.write_all(artefact)?;
        fs::rename(&temporary, self.path(name))
    }

    fn path(&self, name: Hash) -> PathBuf {
        self.folder.join(format!("{name}.artefact"))
    }

    fn seal(&self, name: Hash, artefact: &[u8]) -> Hash {
        blake3::Hasher::new_keyed(&self.key)
            .update(name.as_bytes())
            .update(artefact)
            .finalize()
    }
}

/// The right to make an artefact.
#[derive(Debug)]
pub(crate) struct Claim(#[expect(dead_code, reason = "it is held for its lock")] File);

fn refuse_shared(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.mode() & 0o022 == 0 {
        return Ok(());
    }
    let message = format!(
        "others may write into {0}, and what is compiled there is run as it is; make it yours alone: chmod 700 {0}",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn read_key(path: &Path) -> io::Result<[u8; SEAL_BYTES]> {
    let mut key = [0; SEAL_BYTES];
    File::open(path)?.read_exact(&mut key)?;
    Ok(key)
}

/// The first process to link its key into place wins; the others read that one.
fn make_key(folder: &Path, path: &Path) -> io::Result<[u8; SEAL_BYTES]> {
    let mut key = [0; SEAL_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let temporary = folder.join(format!("key.{}.part", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?
        .write_all(&key)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read_key(path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn name() -> Hash {
        blake3::hash(b"component")
    }

    #[test]
    fn an_artefact_comes_back_also_to_another_process() {
        let folder = tempfile::tempdir().unwrap();
        ArtefactCache::open(folder.path())
            .unwrap()
            .put(name(), b"code")
            .unwrap();
        assert_eq!(
            ArtefactCache::open(folder.path())
                .unwrap()
                .get(name())
                .unwrap(),
            b"code"
        );
        assert!(
            ArtefactCache::open(folder.path())
                .unwrap()
                .get(blake3::hash(b"other"))
                .is_none()
        );
    }

    #[test]
    fn an_artefact_of_another_cache_or_a_changed_one_is_not_loaded() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (cache, other) = (
            ArtefactCache::open(ours.path()).unwrap(),
            ArtefactCache::open(theirs.path()).unwrap(),
        );
        other.put(name(), b"code").unwrap();
        fs::copy(other.path(name()), cache.path(name())).unwrap();
        assert!(cache.get(name()).is_none());

        cache.put(name(), b"code").unwrap();
        let mut artefact = fs::read(cache.path(name())).unwrap();
        *artefact.last_mut().unwrap() ^= 1;
        fs::write(cache.path(name()), &artefact).unwrap();
        assert!(cache.get(name()).is_none());
        fs::write(cache.path(name()), &artefact[..SEAL_BYTES - 1]).unwrap();
        assert!(cache.get(name()).is_none());
    }

    #[test]
    fn an_artefact_under_another_name_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ArtefactCache::open(folder.path()).unwrap();
        cache.put(name(), b"code").unwrap();
        let other = blake3::hash(b"other");
        fs::copy(cache.path(name()), cache.path(other)).unwrap();
        assert!(cache.get(other).is_none());
    }

    #[test]
    fn one_at_a_time_makes_an_artefact() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ArtefactCache::open(folder.path()).unwrap();
        let claim = cache.claim(name()).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _claim = cache.claim(name()).unwrap();
                cache.get(name())
            });
            let _free = cache.claim(blake3::hash(b"another")).unwrap();
            cache.put(name(), b"code").unwrap();
            drop(claim);
            assert_eq!(other.join().unwrap().unwrap(), b"code");
        });
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = ArtefactCache::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}
