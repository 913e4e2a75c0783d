//! Headers of the clients of message queues.

#[cfg(any(feature = "lapin", feature = "nats", feature = "rskafka"))]
use super::{Extract, Inject};

#[cfg(feature = "nats")]
impl Extract for async_nats::HeaderMap {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        let wanted = self.iter().filter(|(key, _)| AsRef::<str>::as_ref(*key).eq_ignore_ascii_case(name));
        wanted.flat_map(|(_, values)| values).for_each(|value| each(value.as_str().as_bytes()));
    }
}

#[cfg(feature = "nats")]
impl Inject for async_nats::HeaderMap {
    fn set(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        self.insert(name, value);
    }

    fn remove(&mut self, name: &str) {
        let is_wanted = |key: &async_nats::HeaderName| AsRef::<str>::as_ref(key).eq_ignore_ascii_case(name);
        if !self.iter().any(|(key, _)| is_wanted(key)) {
            return;
        }
        // There is no other way to take one out.
        let mut kept = Self::new();
        for (key, values) in self.iter().filter(|(key, _)| !is_wanted(key)) {
            values.iter().for_each(|value| kept.append(key.clone(), value.clone()));
        }
        *self = kept;
    }
}

#[cfg(feature = "lapin")]
impl Extract for amq_protocol_types::FieldTable {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        use amq_protocol_types::AMQPValue;

        for (key, value) in self.inner() {
            match value {
                AMQPValue::LongString(text) if key.as_str().eq_ignore_ascii_case(name) => {
                    each(text.as_bytes())
                }
                AMQPValue::ShortString(text) if key.as_str().eq_ignore_ascii_case(name) => {
                    each(text.as_str().as_bytes());
                }
                _ => {}
            }
        }
    }
}

#[cfg(feature = "lapin")]
impl Inject for amq_protocol_types::FieldTable {
    fn set(&mut self, name: &'static str, value: &str) {
        use amq_protocol_types::AMQPValue;

        Inject::remove(self, name);
        self.insert(name.into(), AMQPValue::LongString(value.into()));
    }

    fn remove(&mut self, name: &str) {
        let is_wanted = |key: &amq_protocol_types::ShortString| key.as_str().eq_ignore_ascii_case(name);
        if self.inner().keys().any(is_wanted) {
            let mut kept = self.inner().clone();
            kept.retain(|key, _| !is_wanted(key));
            *self = kept.into();
        }
    }
}

#[cfg(feature = "rskafka")]
impl Extract for rskafka::record::Record {
    fn for_each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        self.headers.for_each(name, each);
    }
}

#[cfg(feature = "rskafka")]
impl Inject for rskafka::record::Record {
    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        Inject::remove(&mut self.headers, name);
    }
}

#[cfg(all(test, feature = "lapin", feature = "nats", feature = "rskafka"))]
mod tests;
