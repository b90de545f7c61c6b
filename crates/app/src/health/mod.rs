//! Whether this process should be sent traffic, as `/readyz` tells it: one account for each profile.

mod embedded;
mod remote;

pub use embedded::Checks;
pub use remote::RemoteChecks;
