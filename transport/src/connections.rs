//! The open connections of a process's servers, and whose they are.
//!
//! Every connection belongs to an account: that of all strangers at first, and of an organisation once its client
//! has proved who it is; a public server keeps an account for each address. When there is no room for a newcomer,
//! the account that holds the most gives up its oldest connection. So a flood pushes itself out, and a newcomer
//! always gets in.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How much the connections may take together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of all accounts.
    pub all: usize,
    /// Connections of one account, as it can open them: what it moves to another account does not count.
    pub of_account: usize,
    /// Bytes charged to the connections of one account.
    pub bytes_of_account: usize,
}

/// The connections of one or several servers.
#[derive(Debug)]
pub struct Connections<A> {
    limits: Limits,
    /// Given back when a connection is really closed, some time after it left the table.
    places: Arc<Semaphore>,
    table: Mutex<Table<A>>,
}

#[derive(Debug)]
struct Table<A> {
    next: u64,
    /// By age.
    open: BTreeMap<u64, Entry<A>>,
    accounts: HashMap<A, Account>,
}

#[derive(Debug)]
struct Entry<A> {
    account: A,
    bytes: usize,
    close: CancellationToken,
}

#[derive(Debug, Default)]
struct Account {
    connections: usize,
    bytes: usize,
}

/// A connection in the table, as those who serve it see it.
#[derive(Debug)]
pub struct Handle<A> {
    connections: Arc<Connections<A>>,
    id: u64,
    close: CancellationToken,
}

/// The place of an open connection; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place<A: Clone + Eq + Hash> {
    handle: Handle<A>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Bytes charged to a connection until this is dropped.
#[derive(Debug)]
pub struct Charge<A: Clone + Eq + Hash> {
    handle: Handle<A>,
    bytes: usize,
}

impl<A: Clone + Eq + Hash> Connections<A> {
    pub fn new(limits: Limits) -> Arc<Self> {
        let table = Table { next: 0, open: BTreeMap::new(), accounts: HashMap::new() };
        Arc::new(Self { limits, places: Arc::new(Semaphore::new(limits.all)), table: Mutex::new(table) })
    }

    /// Makes room for a connection and takes it.
    pub async fn open(self: &Arc<Self>, account: A) -> Place<A> {
        self.make_room(&account);
        // The semaphore is never closed.
        let permit = self.places.clone().acquire_owned().await.ok();
        let close = CancellationToken::new();
        let id = self.table().insert(account, close.clone());
        let handle = Handle { connections: self.clone(), id, close };
        Place { handle, _permit: permit }
    }

    fn make_room(&self, account: &A) {
        let mut table = self.table();
        if table.of(account).connections >= self.limits.of_account {
            table.close_oldest(account);
        } else if self.places.available_permits() == 0
            && let Some(largest) = table.largest()
        {
            table.close_oldest(&largest);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<A>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone + Eq + Hash> Table<A> {
    fn insert(&mut self, account: A, close: CancellationToken) -> u64 {
        let id = self.next;
        self.next += 1;
        self.accounts.entry(account.clone()).or_default().connections += 1;
        self.open.insert(id, Entry { account, bytes: 0, close });
        id
    }

    fn remove(&mut self, id: u64) -> Option<Entry<A>> {
        let entry = self.open.remove(&id)?;
        self.leave(&entry.account, entry.bytes);
        Some(entry)
    }

    fn leave(&mut self, account: &A, bytes: usize) {
        let Some(of) = self.accounts.get_mut(account) else { return };
        of.connections -= 1;
        of.bytes -= bytes;
        if of.connections == 0 {
            self.accounts.remove(account);
        }
    }

    fn of(&self, account: &A) -> &Account {
        const NONE: &Account = &Account { connections: 0, bytes: 0 };
        self.accounts.get(account).unwrap_or(NONE)
    }

    fn largest(&self) -> Option<A> {
        self.accounts.iter().max_by_key(|(_, of)| of.connections).map(|(account, _)| account.clone())
    }

    fn close_oldest(&mut self, account: &A) {
        let oldest = self.open.iter().find(|(_, entry)| entry.account == *account).map(|(id, _)| *id);
        self.close(oldest);
    }

    fn close_greediest(&mut self, account: &A) {
        let those = self.open.iter().filter(|(_, entry)| entry.account == *account);
        let greediest = those.max_by_key(|(_, entry)| entry.bytes).map(|(id, _)| *id);
        self.close(greediest);
    }

    fn close(&mut self, id: Option<u64>) {
        if let Some(entry) = id.and_then(|id| self.remove(id)) {
            entry.close.cancel();
        }
    }

    /// Moves a connection's charge from `old` to `new` bytes; gives its account.
    fn charge(&mut self, id: u64, old: usize, new: usize) -> Option<A> {
        let entry = self.open.get_mut(&id)?;
        let of = self.accounts.get_mut(&entry.account)?;
        entry.bytes = entry.bytes - old + new;
        of.bytes = of.bytes - old + new;
        Some(entry.account.clone())
    }
}

impl<A: Clone + Eq + Hash> Handle<A> {
    /// Puts the connection into another account.
    pub fn settle(&self, account: A) {
        let mut table = self.connections.table();
        let Some(entry) = table.open.get_mut(&self.id) else { return };
        if entry.account == account {
            return;
        }
        let bytes = entry.bytes;
        let before = std::mem::replace(&mut entry.account, account.clone());
        table.leave(&before, bytes);
        let of = table.accounts.entry(account).or_default();
        of.connections += 1;
        of.bytes += bytes;
    }

    /// Charges nothing yet; see [`Charge::set`].
    pub fn charge(&self) -> Charge<A> {
        Charge { handle: self.clone(), bytes: 0 }
    }

    pub fn close(&self) {
        self.close.cancel();
    }

    pub fn is_closed(&self) -> bool {
        self.close.is_cancelled()
    }

    pub fn closed(&self) -> WaitForCancellationFutureOwned {
        self.close.clone().cancelled_owned()
    }
}

impl<A> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self { connections: self.connections.clone(), id: self.id, close: self.close.clone() }
    }
}

impl<A: Clone + Eq + Hash> Place<A> {
    pub fn handle(&self) -> &Handle<A> {
        &self.handle
    }
}

impl<A: Clone + Eq + Hash> Drop for Place<A> {
    fn drop(&mut self) {
        self.handle.connections.table().remove(self.handle.id);
    }
}

impl<A: Clone + Eq + Hash> Charge<A> {
    /// Charges this many bytes from now on. When the account has too many, its connection with the most is
    /// closed, which may be this one.
    pub fn set(&mut self, bytes: usize) {
        let connections = &self.handle.connections;
        let mut table = connections.table();
        let Some(account) = table.charge(self.handle.id, self.bytes, bytes) else { return };
        self.bytes = bytes;
        while table.of(&account).bytes > connections.limits.bytes_of_account {
            table.close_greediest(&account);
        }
    }
}

impl<A: Clone + Eq + Hash> Drop for Charge<A> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.set(0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    type Places = Vec<Place<&'static str>>;

    fn connections(all: usize, of_account: usize) -> Arc<Connections<&'static str>> {
        Connections::new(Limits { all, of_account, bytes_of_account: 100 })
    }

    async fn open(
        connections: &Arc<Connections<&'static str>>,
        account: &'static str,
        count: usize,
    ) -> Places {
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(connections.open(account).await);
        }
        places
    }

    fn closed(places: &Places) -> Vec<usize> {
        (0..places.len()).filter(|index| places[*index].handle().is_closed()).collect()
    }

    #[tokio::test]
    async fn a_newcomer_pushes_out_the_oldest_of_the_largest_account() {
        let connections = connections(6, 6);
        let honest = open(&connections, "honest", 2).await;
        let mut flood = open(&connections, "flood", 4).await;
        let waiting = tokio::spawn({
            let connections = connections.clone();
            async move { connections.open("newcomer").await }
        });
        flood[0].handle().closed().await;
        assert!(!waiting.is_finished(), "its descriptor is still open");
        flood.remove(0);
        let newcomer = waiting.await.unwrap();
        assert!(!newcomer.handle().is_closed());
        assert_eq!((closed(&honest), closed(&flood)), (vec![], vec![]));
    }

    #[tokio::test]
    async fn an_account_that_is_full_pushes_out_its_own() {
        let connections = connections(100, 3);
        let honest = open(&connections, "honest", 3).await;
        let flood = open(&connections, "flood", 5).await;
        assert_eq!((closed(&honest), closed(&flood)), (vec![], vec![0, 1]));
    }

    #[tokio::test]
    async fn a_known_connection_is_no_longer_pushed_out_by_strangers() {
        let connections = connections(100, 3);
        let known = connections.open("stranger").await;
        known.handle().settle("member");
        known.handle().settle("member");
        let strangers = open(&connections, "stranger", 10).await;
        assert_eq!(closed(&strangers).len(), 7);
        assert!(!known.handle().is_closed());
        drop((known, strangers));
        assert!(connections.table().accounts.is_empty() && connections.table().open.is_empty());
    }

    #[tokio::test]
    async fn the_greediest_of_an_account_pays() {
        let connections = connections(100, 100);
        let places = open(&connections, "stranger", 3).await;
        let member = connections.open("member").await;
        let mut charges: Vec<_> =
            places.iter().chain([&member]).map(|place| place.handle().charge()).collect();
        for (charge, bytes) in charges.iter_mut().zip([30, 50, 20, 100]) {
            charge.set(bytes);
        }
        assert_eq!(closed(&places), [0; 0]);
        charges[2].set(21);
        assert_eq!((closed(&places), member.handle().is_closed()), (vec![1], false));
        charges[2].set(70);
        assert_eq!(closed(&places), [1]);
        charges[2].set(71);
        assert_eq!(closed(&places), [1, 2]);
        drop(charges);
        assert_eq!(connections.table().of(&"stranger").bytes, 0);
        assert_eq!(connections.table().of(&"member").bytes, 0);
    }

    #[tokio::test]
    async fn a_charge_moves_with_its_connection() {
        let connections = connections(100, 100);
        let place = connections.open("stranger").await;
        let mut charge = place.handle().charge();
        charge.set(60);
        place.handle().settle("member");
        assert_eq!(connections.table().of(&"member").bytes, 60);
        drop(charge);
        assert_eq!(connections.table().of(&"member").bytes, 0);
    }
}
