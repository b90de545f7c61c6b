//! What a server says first: where it is reached, and for what.

use std::net::SocketAddr;

use hiscore_config::{Roles, ServeSettings};

/// The lines that a server of these settings begins with, once it listens at `address`. They name only what it answers.
pub fn greeting(settings: &ServeSettings, address: SocketAddr) -> String {
    let Roles { ingest, scoreboard, .. } = settings.roles;
    // Nobody can ask for "any address"; this name is one of them, for whoever is on the same machine.
    let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { host(address) };
    let url = format!("http://{host}:{}", address.port());
    let mut lines = vec![format!("hiscore {}", env!("CARGO_PKG_VERSION"))];
    let mut line = |name: &str, what: &str| lines.push(format!("  {name:12} {what}"));
    if scoreboard {
        line("score board", &format!("{url}/"));
    }
    if scoreboard || ingest {
        line("GraphiQL", &format!("{url}/graphiql"));
    }
    line("metrics", &format!("{url}/metrics"));
    line("health", &format!("{url}/readyz?verbose"));
    line("data", &data(settings));
    if ingest {
        let mutation = mutation(settings.auto_create);
        let json = "-H 'content-type: application/json'";
        line("try", &format!("curl -s {url}/graphql {json} -d '{{\"query\":\"{mutation}\"}}'"));
    }
    lines.join("\n") + "\n"
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn data(settings: &ServeSettings) -> String {
    match (settings.has_redis(), settings.has_mongodb()) {
        (true, true) => format!("Redis and MongoDB (role {})", settings.roles),
        (true, false) => format!("Redis and {}", settings.data_dir.display()),
        (false, _) => settings.data_dir.display().to_string(),
    }
}

/// One that works on a deployment without a board.
fn mutation(auto_create: bool) -> &'static str {
    if auto_create {
        "mutation { submitScore(input: { leaderboardId: \\\"demo\\\", playerId: \\\"you\\\", score: 42 }) { ack record { rank score } } }"
    } else {
        "mutation { createLeaderboard(input: { id: \\\"demo\\\" }) { leaderboard { id } userErrors { message } } }"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(roles: &[&str], address: &str) -> String {
        let has = |role| roles.contains(&role);
        let roles = Roles {
            ingest: has("ingest"),
            apply: has("apply"),
            persist: has("persist"),
            scoreboard: has("scoreboard"),
        };
        let settings = ServeSettings { roles, ..ServeSettings::default() };
        greeting(&settings, address.parse().unwrap_or_else(|error| unreachable!("{address}: {error}")))
    }

    #[test]
    fn what_is_named_can_be_asked_for() {
        let all = ["ingest", "persist", "scoreboard"];
        for (listens, reached) in [
            ("127.0.0.1:80", "http://127.0.0.1:80/"),
            ("0.0.0.0:8080", "http://localhost:8080/"),
            ("[::]:8080", "http://localhost:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
        ] {
            let said = said(&all, listens);
            assert!(said.contains(&format!("  score board  {reached}\n")), "{said}");
            assert_eq!(said.matches("http://").count(), said.matches(reached).count(), "{said}");
        }
    }

    #[test]
    fn a_role_names_only_what_it_answers() {
        let names = |roles: &[&str]| -> Vec<String> {
            let said = said(roles, "127.0.0.1:1");
            said.lines().skip(1).map(|line| line[2..14].trim().to_owned()).collect()
        };
        assert_eq!(names(&["persist"]), ["metrics", "health", "data"]);
        assert_eq!(names(&["ingest"]), ["GraphiQL", "metrics", "health", "data", "try"]);
        assert_eq!(names(&["scoreboard"]), ["score board", "GraphiQL", "metrics", "health", "data"]);
    }
}
