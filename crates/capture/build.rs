//! Says how to get libpcap where it seems to be missing, before the linker does in its own words.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBPCAP_LIBDIR");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let native = env::var("HOST") == env::var("TARGET");
    if env::var_os("CARGO_FEATURE_LIBPCAP").is_none() || target("OS") != "linux" || !native {
        return;
    }
    let triple = format!("{}-linux-{}", target("ARCH"), target("ENV"));
    let own = env::var("LIBPCAP_LIBDIR").unwrap_or_default();
    let places = [own.as_str(), "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/lib"];
    let found = places.iter().filter(|place| !place.is_empty()).any(|place| {
        let here = |place: &Path| place.join("libpcap.so").exists() || place.join("libpcap.a").exists();
        here(Path::new(place)) || here(&Path::new(place).join(&triple))
    });
    if !found {
        println!(
            "cargo::warning=libpcap was not found. If linking fails: sudo apt install libpcap-dev (Debian, Ubuntu) or \
             sudo dnf install libpcap-devel (Fedora), or leave it out with --no-default-features --features embedded-broker"
        );
    }
}
