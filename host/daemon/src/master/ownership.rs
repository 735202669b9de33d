//! Whose drivers and applications a submitter may end: those of its tenant.

use scheduler::cluster::Master;
use scheduler::message::{ToMaster, ToSubmitter};
use scheduler::{ApplicationId, DriverId, Tenant};

/// Returns what a submitter is told that wants to end what belongs to another tenant; none where it may ask.
///
/// Who a message is from is known here alone: the machine knows addresses.
pub(super) fn refusal(
    master: &Master,
    asker: Option<&Tenant>,
    message: &ToMaster,
) -> Option<ToSubmitter> {
    let refused = |owner: Option<Tenant>, what: String| {
        let foreign = owner.is_some_and(|owner| asker != Some(&owner));
        foreign.then(|| Some(format!("{what} belongs to another tenant").into()))
    };
    match message {
        ToMaster::RequestKillDriver(driver) => {
            let refused = refused(driver_owner(master, *driver), driver.to_string())?;
            let driver = *driver;
            Some(ToSubmitter::KillDriverResponse { driver, refused })
        }
        ToMaster::RequestKillApplication(id) => {
            let refused = refused(application_owner(master, *id), id.to_string())?;
            let application = *id;
            Some(ToSubmitter::KillApplicationResponse {
                application,
                refused,
            })
        }
        _ => None,
    }
}

fn driver_owner(master: &Master, id: DriverId) -> Option<Tenant> {
    let mut all = master.drivers();
    all.find(|known| known.id == id)
        .map(|known| known.spec.tenant.clone())
}

fn application_owner(master: &Master, id: ApplicationId) -> Option<Tenant> {
    let mut all = master.applications();
    all.find(|known| known.id == id)
        .map(|known| known.spec.tenant.clone())
}
