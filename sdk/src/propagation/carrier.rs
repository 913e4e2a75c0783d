//! What context is read from and written to: header maps of all kinds.

mod messages;

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

/// Headers to read a context from.
///
/// Implemented for `http::HeaderMap` (feature `http`), tonic's metadata (feature `tonic`), the headers of `async-nats` (feature
/// `nats`) and of `lapin` (feature `lapin`), records of `rskafka` (feature `rskafka`), and the usual collections of message headers, with values of `String`, `Vec<u8>`, `&[u8]`, `Bytes`, ...
/// Names are compared without regard to case.
pub trait Extract {
    /// Calls `each` with every value of this header, in order. A name can have several.
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8]));
}

/// Headers to write a context into.
///
/// Implemented for the same types as [`Extract`], where their values can be made from a `String`.
pub trait Inject {
    /// Gives this header one value, in place of all that it had. The name is lower case; the value is ASCII.
    fn set(&mut self, name: &'static str, value: &str);

    /// Removes every value of this header.
    fn remove(&mut self, name: &str);
}

impl<V: AsRef<[u8]>> Extract for [(String, V)] {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .for_each(|(_, value)| each(value.as_ref()));
    }
}

impl<V: AsRef<[u8]>> Extract for Vec<(String, V)> {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.as_slice().for_each(name, each);
    }
}

impl<V: From<String>> Inject for Vec<(String, V)> {
    fn set(&mut self, name: &'static str, value: &str) {
        Inject::remove(self, name);
        self.push((name.to_owned(), value.to_owned().into()));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

impl<V: AsRef<[u8]>, H: BuildHasher> Extract for HashMap<String, V, H> {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .for_each(|(_, value)| each(value.as_ref()));
    }
}

impl<V: From<String>, H: BuildHasher> Inject for HashMap<String, V, H> {
    fn set(&mut self, name: &'static str, value: &str) {
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned().into());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl<V: AsRef<[u8]>> Extract for BTreeMap<String, V> {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .for_each(|(_, value)| each(value.as_ref()));
    }
}

impl<V: From<String>> Inject for BTreeMap<String, V> {
    fn set(&mut self, name: &'static str, value: &str) {
        Inject::remove(self, name);
        self.insert(name.to_owned(), value.to_owned().into());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

#[cfg(any(feature = "http", feature = "reqwest"))]
impl Extract for http::HeaderMap {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| each(value.as_bytes()));
    }
}

#[cfg(any(feature = "http", feature = "reqwest"))]
impl Inject for http::HeaderMap {
    fn set(&mut self, name: &'static str, value: &str) {
        // What this crate writes is a legal value; anything else is left out rather than sent broken.
        if let Ok(value) = http::HeaderValue::from_str(value) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        self.remove(name);
    }
}

#[cfg(feature = "tonic")]
impl Extract for tonic::metadata::MetadataMap {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| each(value.as_encoded_bytes()));
    }
}

#[cfg(feature = "tonic")]
impl Inject for tonic::metadata::MetadataMap {
    fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = value.parse::<tonic::metadata::AsciiMetadataValue>() {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        self.remove(name);
    }
}
