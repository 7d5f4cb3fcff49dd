//! Where strangers come from: all that can be told of them, and what their limits go by.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The address of a caller at the desk, as far as it counts: an IPv6 address stands for its /64, since whoever has one
/// of these has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl Address {
    /// What counts of `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                Self(Ipv6Addr::from(network).into())
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The connections of each address. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    connections: Arc<Mutex<HashMap<Address, usize>>>,
    per_address_max: usize,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(in crate::transport) struct Place {
    crowd: Crowd,
    address: Address,
}

impl Crowd {
    /// A room in which one address may have `per_address_max` places.
    pub(super) fn new(per_address_max: usize) -> Self {
        Self { connections: Arc::default(), per_address_max }
    }

    /// Takes a place, or nothing when the address has as many as it may.
    pub(super) fn enter(&self, address: Address) -> Option<Place> {
        let mut connections = self.lock();
        let of_address = connections.entry(address).or_default();
        // It may have any number above zero, so an entry that stays is never empty.
        if *of_address >= self.per_address_max {
            return None;
        }
        *of_address += 1;
        drop(connections);
        Some(Place { crowd: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Address, usize>> {
        // Every change is complete before anything can panic.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.crowd.lock();
        if let Some(of_address) = connections.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::of(text.parse().unwrap())
    }

    #[test]
    fn whoever_has_a_network_of_addresses_is_one() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1:2:3"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"), "the same caller on a socket for both");
        assert_eq!(address("2001:db8::1").to_string(), "2001:db8::");
    }

    #[test]
    fn one_address_fills_its_own_places_and_nobody_elses() {
        let crowd = Crowd::new(2);
        let first = crowd.enter(address("192.0.2.1")).unwrap();
        let _second = crowd.enter(address("192.0.2.1")).unwrap();
        assert!(crowd.enter(address("192.0.2.1")).is_none());
        let other = crowd.enter(address("192.0.2.2"));
        assert!(other.is_some());
        drop(first);
        assert!(crowd.enter(address("192.0.2.1")).is_some());
        drop(other);
        assert_eq!(crowd.lock().len(), 1, "nothing stays of who has left");
    }
}
