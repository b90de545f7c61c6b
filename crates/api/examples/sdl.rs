//! Prints the schema that the server serves: `cargo run -p hiscore-api --example sdl > schema.graphql`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(hiscore_api::sdl().as_bytes())
}
