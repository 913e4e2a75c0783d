//! Which way knowledge flows, and other things about the source that reviewers should not have to look for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use laneway_e2e::workspace;

/// What each crate may know. Tests and tools may know everything.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("laneway-proto", &[]),
    ("laneway-storage", &["laneway-proto"]),
    ("laneway-ui-api", &["laneway-proto", "laneway-storage"]),
    ("laneway", &["laneway-macros", "laneway-proto"]),
    ("laneway-macros", &[]),
    // The demo: a fleet of services that use the SDK as anybody would.
    ("laneway-shop", &["laneway"]),
    ("laneway-collector", &["laneway-proto", "laneway-shop", "laneway-storage", "laneway-ui-api"]),
];
const FREE: [&str; 5] = ["laneway-automatic", "laneway-bench-sdk", "laneway-e2e", "laneway-loom", "xtask"];
const MAX_LINES: usize = 500;

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(workspace()).no_deps().exec().unwrap()
}

/// The members that a member depends on, for tests only or not.
fn edges(package: &Package, for_tests: bool) -> BTreeSet<&str> {
    let is_wanted = |kind| (kind == DependencyKind::Development) == for_tests;
    // A crate may ask itself for features, in its tests.
    let is_other = |name: &str| name != package.name.as_str();
    let members = package
        .dependencies
        .iter()
        .filter(|edge| edge.path.is_some() && is_wanted(edge.kind) && is_other(&edge.name));
    members.map(|edge| edge.name.as_str()).collect()
}

#[test]
fn knowledge_flows_as_the_design_says() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ALLOWED.iter().map(|(name, known)| (*name, known.iter().copied().collect())).collect();
    let metadata = metadata();
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if FREE.contains(&name) {
            continue;
        }
        let known =
            allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the list of what crates may know"));
        assert_eq!(&edges(package, false), known, "what {name} depends on");
        // Tests of a crate know no more than the crate; they may only ask what it knows for more features.
        let for_tests = edges(package, true);
        assert!(for_tests.is_subset(known), "tests of {name} depend on {for_tests:?}");
        seen.insert(name);
    }
    assert_eq!(seen, allowed.keys().copied().collect(), "crates that are listed are there");
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for package in &metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.manifest_path);
    }
}

#[test]
fn no_source_file_is_a_hall() {
    let mut files = Vec::new();
    for package in &metadata().packages {
        sources(package.manifest_path.parent().unwrap().as_std_path(), &mut files);
    }
    assert!(files.len() > 100, "only {} source files were found", files.len());
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines, more than {MAX_LINES}", file.display());
    }
}

/// Rust files below a directory that people wrote.
fn sources(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !["target", "generated", "node_modules"].contains(&&*name) {
            sources(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}
