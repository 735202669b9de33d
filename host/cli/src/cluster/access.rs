//! By what a command gets into a cluster: where its masters are, which token leads in, where its certificate is kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use daemon::submitter::Config;
use daemon::{Access, Masters};
use network::Token;
use scheduler::{Settings, Tenant};
use wire::Role;

use crate::args::{AccessArgs, ClusterArgs, Master};
use crate::exit::{ExitCode, Failure};

/// The environment variable that names the cluster where no option does.
pub const MASTER_VARIABLE: &str = "TINDERBOX_MASTER";
/// The environment variable that names the file with the join token where no option does.
pub const TOKEN_VARIABLE: &str = "TINDERBOX_TOKEN_FILE";

/// The cluster that is meant where nobody says which.
pub(super) const DEFAULT_MASTER: &str = "tinderbox://127.0.0.1:7077";

/// Returns where jobs are to run: as given, else as the environment says, else on this machine's cluster.
///
/// Fails with [`ExitCode::Usage`] where the environment says nothing sensible.
pub fn master(given: Option<&Master>) -> Result<Master, Failure> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let told = std::env::var(MASTER_VARIABLE).ok();
    let url = told.as_deref().filter(|url| !url.is_empty());
    url.unwrap_or(DEFAULT_MASTER)
        .parse()
        .map_err(|error| Failure::new(ExitCode::Usage, format!("in {MASTER_VARIABLE}: {error}")))
}

/// Returns how a command asks a cluster.
///
/// Fails with [`ExitCode::Usage`] where no cluster is named, or a token cannot be read.
pub fn of(args: &ClusterArgs, settings: &Settings) -> Result<Config> {
    let given = args.master.clone().map(Master::Cluster);
    match master(given.as_ref())? {
        Master::Cluster(masters) => to(masters, &args.access, settings),
        Master::Local(_) | Master::LocalCluster(_) => {
            let what = format!("{MASTER_VARIABLE} names no cluster that lasts");
            Err(Failure::new(ExitCode::Usage, what)
                .hint("say --master tinderbox://host:7077")
                .into())
        }
    }
}

/// Returns how a command asks this cluster.
///
/// Fails with [`ExitCode::Usage`] where a token cannot be read.
pub fn to(masters: Masters, args: &AccessArgs, settings: &Settings) -> Result<Config> {
    let token = token(args.token_file.as_deref(), Role::Submitter)?;
    let access = Access {
        file: certificate(&masters, &args.tenant)?,
        token,
        patience: settings.deploy_client_submission_timeout(),
    };
    Ok(Config {
        masters,
        access,
        tenant: args.tenant.clone(),
        settings: settings.clone(),
    })
}

/// Returns a join token for workers or for submitters: from the file given, else from that which the environment names,
/// else from the folder of a master of this user, if there is one.
///
/// Fails with [`ExitCode::Usage`] where a file that was named cannot be read, or holds no such token.
pub fn token(given: Option<&Path>, role: Role) -> Result<Option<Token>> {
    let told = std::env::var_os(TOKEN_VARIABLE).map(PathBuf::from);
    let named = given.map(Path::to_owned).or(told);
    if let Some(path) = named {
        let token = read_token(&path)?;
        return match token.role() == role {
            true => Ok(Some(token)),
            false => Err(misplaced(&path, token.role(), role).into()),
        };
    }
    let own = master_folder()?.join(token_file(role));
    Ok(own.exists().then(|| read_token(&own)).transpose()?)
}

const fn token_file(role: Role) -> &'static str {
    match role {
        Role::Worker => daemon::master::WORKER_TOKEN,
        _ => daemon::master::SUBMITTER_TOKEN,
    }
}

fn misplaced(path: &Path, found: Role, wanted: Role) -> Failure {
    let path = path.display();
    let what = format!("the token in `{path}` is for a {found}, and this is a {wanted}");
    let file = token_file(wanted);
    Failure::new(ExitCode::Usage, what).hint(format!("take {file} of the master's folder"))
}

/// Reads a join token.
///
/// Fails with [`ExitCode::Usage`] where there is none.
pub fn read_token(path: &Path) -> Result<Token, Failure> {
    let usage = |error: String| {
        let what = format!("the token file `{}`: {error}", path.display());
        Failure::new(ExitCode::Usage, what)
            .hint("the master's folder has worker.token and submitter.token, readable by its owner")
    };
    let line = fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    line.parse()
        .map_err(|error: network::Error| usage(error.to_string()))
}

/// Returns the folder for what is kept between commands and cannot be made again.
pub fn state_folder() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
    Ok(base
        .context("there is no home folder: set XDG_STATE_HOME")?
        .join("tinderbox"))
}

/// Returns the folder of a master that was given none.
pub fn master_folder() -> Result<PathBuf> {
    Ok(state_folder()?.join("master"))
}

/// Returns where a tenant's certificate of a cluster is kept.
pub fn certificate(masters: &Masters, tenant: &Tenant) -> Result<PathBuf> {
    let addresses = masters.addresses().iter();
    let names: Vec<String> = addresses.map(|address| plain(&address.0)).collect();
    let name = format!("{}-{tenant}.pem", names.join("+"));
    Ok(state_folder()?.join("certificates").join(name))
}

/// Returns an address as a part of a file's name.
fn plain(address: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    address
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::describe;

    #[test]
    fn each_cluster_and_tenant_has_a_certificate_of_its_own() {
        let name = |masters: &str, tenant: &str| {
            let path = certificate(&masters.parse().unwrap(), &tenant.into()).unwrap();
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name("tinderbox://a,[::1]:1", "me"), "a_7077+___1__1-me.pem");
        assert_ne!(name("tinderbox://a", "me"), name("tinderbox://a", "you"));
    }

    #[test]
    fn what_is_no_token_says_where_tokens_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let said = || describe(&read_token(&path).unwrap_err().into(), ExitCode::JobFailed);
        assert!(said().0.contains("No such file"), "{}", said().0);
        fs::write(&path, "secret").unwrap();
        assert!(
            said().0.contains("does not begin with `tinderbox-worker-`"),
            "{}",
            said().0
        );
        assert!(
            said().0.contains("hint: the master's folder"),
            "{}",
            said().0
        );
        assert_eq!(said().1, ExitCode::Usage);
    }
}
