//! Component files, named by their blake3: whoever knows the name may have the bytes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use network::{Incoming, Reply};
use tokio::task::spawn_blocking;
use tracing::debug;
use wire::{Content, Hash, Refusal, RefusalKind};

/// How large a component may be, in bytes.
pub(crate) const BYTES_MAX: u64 = 1 << 30;

/// A folder of components.
#[derive(Clone, Debug)]
pub(crate) struct Components(PathBuf);

impl Components {
    /// Makes the folder, unless it is there.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn path(&self, hash: Hash) -> PathBuf {
        self.0.join(to_hex(hash))
    }

    /// Takes in a component that somebody sends; the network compares it with its name.
    pub(crate) async fn take(&self, hash: Hash, incoming: Incoming) -> Result<(), network::Error> {
        let at = |source| network::Error::SourceOrSink(source);
        let temporary = self.0.join(format!("{:016x}.new", crate::random::draw()));
        let file = File::create_new(&temporary).map_err(at)?;
        let saved = incoming.save(BYTES_MAX, file).await;
        let path = self.path(hash);
        let kept = spawn_blocking(move || match saved {
            Ok(file) => {
                let renamed = file.sync_all().and_then(|()| fs::rename(&temporary, path));
                renamed.map_err(at)
            }
            Err(error) => {
                // What could not be removed is in nobody's way.
                let _ = fs::remove_file(temporary);
                Err(error)
            }
        });
        kept.await.map_err(|error| at(io::Error::other(error)))?
    }

    /// Sends a component to who asks for it.
    pub(crate) async fn send(self, hash: Hash, reply: Reply) {
        let opened = spawn_blocking(move || {
            let file = File::open(self.path(hash))?;
            let length = file.metadata()?.len();
            Ok((file, length))
        });
        let opened = opened.await.map_err(io::Error::other);
        let sent = match opened.and_then(|opened: io::Result<(File, u64)>| opened) {
            Ok((file, length)) => {
                let content = Content::Component { hash };
                reply.send_from(content, length, file).await
            }
            Err(error) => {
                let reason = format!("component {}: {error}", to_hex(hash));
                let refusal = Refusal::new(RefusalKind::Missing, reason);
                reply.refuse(refusal).await
            }
        };
        if let Err(error) = sent {
            debug!(reason = %error, "a component was not sent");
        }
    }
}

/// Returns a name as people write it.
pub(crate) fn to_hex(hash: Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a name; none where the text is something else, such as a path.
pub(crate) fn from_hex(text: &str) -> Option<Hash> {
    let hash = blake3::Hash::from_hex(text).ok()?;
    // One way to write it, so that it has one file.
    (to_hex(*hash.as_bytes()) == text).then(|| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_64_hex_digits_in_lower_case() {
        let hash = *blake3::hash(b"component").as_bytes();
        let name = to_hex(hash);
        assert_eq!(from_hex(&name), Some(hash));
        assert_eq!(from_hex(&name.to_uppercase()), None);
        assert_eq!(from_hex("/words.wasm"), None);
        assert_eq!(from_hex(&name[1..]), None);
    }
}
