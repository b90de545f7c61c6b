//! Puts the built front end (`web/dist`) into the binary, each file with its hash and, where smaller, in gzip. Without it
//! the list is empty, and the server says how to build it.

#![allow(clippy::print_stdout)] // it is how a build script talks to Cargo

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let web = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let dist = web.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if dist.is_dir() {
        println!("cargo::rerun-if-changed={}", dist.display());
        list(&dist, &dist, &mut files)?;
    } else if web.is_dir() {
        // Watched so that the first build of the page is noticed. The missing folder itself would count as changed each time.
        println!("cargo::rerun-if-changed={}", web.display());
    }
    files.sort();
    let mut table = String::from("/// All files, sorted by path.\nstatic FILES: &[File] = &[\n");
    for (at, (name, path)) in files.iter().enumerate() {
        entry(&mut table, at, name, path, &out)?;
    }
    table.push_str("];\n");
    fs::write(out.join("page.rs"), table)?;
    Ok(())
}

fn list(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_str().ok_or("a file name in web/dist is no text")?;
            files.push((name.replace('\\', "/"), path.canonicalize()?));
        }
    }
    Ok(())
}

fn entry(table: &mut String, at: usize, name: &str, path: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let plain = fs::read(path)?;
    let hash = Sha256::digest(&plain);
    let etag = hash.iter().take(12).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&plain)?;
    let small = encoder.finish()?;
    let gzip = if small.len() < plain.len() * 9 / 10 {
        let path = out.join(format!("{at}.gz"));
        fs::write(&path, small)?;
        format!("Some(include_bytes!({:?}))", path.to_str().ok_or("OUT_DIR is no text")?)
    } else {
        "None".to_owned()
    };
    // A copy: the front end may be built again while this crate still compiles.
    let copy = out.join(format!("{at}.plain"));
    fs::write(&copy, plain)?;
    let path = copy.to_str().ok_or("OUT_DIR is no text")?;
    let kind = content_type(name);
    writeln!(
        table,
        "    File {{ path: {name:?}, content_type: {kind:?}, etag: {:?}, plain: include_bytes!({path:?}), gzip: {gzip} }},",
        format!("\"{etag}\""),
    )?;
    Ok(())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
