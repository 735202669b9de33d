//! How a process comes to its certificate: from a file, or from a master by a token.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use network::{
    Config, Credentials, Endpoint, Error as NetworkError, Token, Whose, request_certificate,
};
use scheduler::Address;
use tracing::{info, warn};
use wire::{RefusalKind, Role, Subject};

use crate::machine::Listen;
use crate::{Error, Masters};

/// How long to wait before all masters are asked again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// By what a process gets into its cluster.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where its certificate and key are kept, and read again.
    pub file: PathBuf,
    /// What leads to one, where there is none.
    pub token: Option<Token>,
    /// How long to look for a master that answers.
    pub patience: Duration,
}

impl Access {
    /// Returns the certificate in the file; where there is none, or the cluster no longer takes it, a new one.
    pub(crate) async fn credentials(
        &self,
        masters: &Masters,
        subject: &Subject,
    ) -> Result<Credentials, Error> {
        let kept = Credentials::load(&self.file)?;
        let Some(token) = &self.token else {
            return kept.ok_or_else(|| Error::NoToken {
                path: self.file.clone(),
            });
        };
        if let Some(kept) = kept
            && kept.identity().subject == *subject
            && is_taken(masters, &kept).await
        {
            return Ok(kept);
        }
        let joined = join(masters, token, subject, self.patience).await?;
        self.keep(&joined)?;
        Ok(joined)
    }

    fn keep(&self, joined: &Credentials) -> Result<(), Error> {
        let folder = self.file.parent().unwrap_or_else(|| Path::new("."));
        crate::files::private_folder(folder)?;
        joined.save(&self.file)?;
        info!(
            "joined the cluster; the certificate is {}",
            self.file.display()
        );
        Ok(())
    }
}

/// Returns whether no master refuses a certificate.
async fn is_taken(masters: &Masters, kept: &Credentials) -> bool {
    let config = Config {
        connect_timeout: Duration::from_secs(1),
        ..Listen::anywhere().config()
    };
    let Ok((endpoint, _events)) = Endpoint::bind(config, kept) else {
        return true;
    };
    let mut taken = true;
    for master in masters.addresses() {
        match endpoint.connect(master, Role::Master).await {
            Ok(_) => break,
            Err(error) if is_refused(&error) => {
                warn!("the kept certificate is not taken: failed to {error}");
                taken = false;
                break;
            }
            Err(_) => {}
        }
    }
    // Nobody need wait until the master has heard the goodbye.
    tokio::spawn(async move { endpoint.close(Duration::from_secs(1)).await });
    taken
}

const fn is_refused(error: &NetworkError) -> bool {
    matches!(
        error,
        NetworkError::OtherCluster { .. }
            | NetworkError::CertificateExpired {
                whose: Whose::Ours,
                ..
            }
    )
}

/// Gets a certificate by a token from whichever master answers first.
async fn join(
    masters: &Masters,
    token: &Token,
    subject: &Subject,
    within: Duration,
) -> Result<Credentials, Error> {
    let listen = Listen::anywhere().config();
    let config = Config {
        connect_timeout: listen.connect_timeout.min(within),
        ..listen
    };
    any_master(masters, within, |master| {
        let (config, subject) = (config.clone(), subject.clone());
        async move { Endpoint::join(config, token, &master, subject).await }
    })
    .await
}

/// Gets a certificate for a process that has none yet from whichever master answers first: for an executor that is about
/// to be launched, for a driver, for an application that was registered. Whether it may be had the master decides.
///
/// # Errors
///
/// If no master answers within `within`, or one refuses.
pub async fn certify(
    endpoint: &Endpoint,
    masters: &Masters,
    subject: &Subject,
    within: Duration,
) -> Result<Credentials, Error> {
    any_master(masters, within, |master| async move {
        let peer = endpoint.connect(&master, Role::Master).await?;
        request_certificate(&peer, subject.clone(), within).await
    })
    .await
}

/// Asks one master after the other, and again for as long as `within`, until one answers or says that there is no use.
pub(crate) async fn any_master<T, F>(
    masters: &Masters,
    within: Duration,
    ask: impl Fn(Address) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, NetworkError>>,
{
    let started = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let mut last = String::new();
        for master in masters.addresses() {
            match ask(master.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) if !is_passing(&error) => return Err(error.into()),
                Err(error) => last = error.to_string(),
            }
        }
        if started.elapsed() + RETRY_WAIT >= within {
            let (masters, within) = (masters.clone(), started.elapsed());
            return Err(Error::NoMaster {
                masters,
                tries,
                within,
                last,
            });
        }
        tokio::time::sleep(RETRY_WAIT).await;
    }
}

/// Returns whether it may go better another time.
fn is_passing(error: &NetworkError) -> bool {
    match error {
        NetworkError::Resolve { .. }
        | NetworkError::Unreachable { .. }
        | NetworkError::Disconnected { .. }
        | NetworkError::NoAnswer { .. } => true,
        NetworkError::NotToBeHad(refusal) => refusal.kind == RefusalKind::Busy,
        _ => false,
    }
}
