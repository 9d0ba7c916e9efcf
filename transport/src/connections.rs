//! The open connections of a process's servers, whose they are, and what their calls hold in memory.
//!
//! Every connection belongs to an account: that of all strangers at first, and of an organisation once its client
//! has proved who it is; a public server keeps an account for each address. When there is no room for a newcomer,
//! the account that holds the most gives up its oldest connection. So a flood pushes itself out, and a newcomer
//! always gets in. In the same way an account whose calls hold too much gives up what it has held the longest: an
//! honest client is done with its piece before it is the oldest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::ending::Ending;

/// How much the connections may take together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of all accounts.
    pub all: usize,
    /// Connections of one account.
    pub of_account: usize,
    /// What the calls on the connections of one account may take.
    pub calls: CallLimits,
}

/// How much the calls of one account may take together.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallLimits {
    /// Calls that are open: until the last of the request and of the answer has left memory.
    pub open: usize,
    /// Bytes of requests that are not complete.
    pub unfinished: usize,
    /// Bytes of answers that are not written to the connection: their client has not read so far.
    pub unread: usize,
}

/// What a call holds in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Unfinished,
    Unread,
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
    /// Numbers connections and pieces by age.
    next: u64,
    open: BTreeMap<u64, Entry<A>>,
    accounts: HashMap<A, Account>,
}

#[derive(Debug)]
struct Entry<A> {
    account: A,
    close: CancellationToken,
    calls: usize,
    pieces: PerKind<Pieces>,
    /// Pieces of calls that have been ended: not among the others. They stay in memory until the call's task, and
    /// HTTP/2, have let go of them.
    ended: PerKind<Pieces>,
}

/// The pieces of one connection that count together.
#[derive(Debug, Default)]
struct Pieces {
    by_age: BTreeMap<u64, Piece>,
    bytes: usize,
}

/// A message of a request, as far as it has come, or a part of an answer.
#[derive(Debug)]
struct Piece {
    bytes: usize,
    ending: Arc<Ending>,
}

/// The sums over an account's connections.
#[derive(Debug, Default)]
struct Account {
    connections: usize,
    calls: usize,
    bytes: PerKind<Sum>,
    /// Of calls that have been ended.
    ended: PerKind<Sum>,
}

/// The pieces of all connections of an account that count together.
#[derive(Debug, Default)]
struct Sum {
    bytes: usize,
    /// The number of the oldest piece of each connection that has any, and that of the connection: who must go is found
    /// without a walk through the others.
    oldest: BTreeSet<(u64, u64)>,
}

/// What a connection contributes to a [`Sum`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Extent {
    bytes: usize,
    oldest: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct PerKind<T> {
    unfinished: T,
    unread: T,
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

/// A call that counts as open until this is dropped.
#[derive(Debug)]
pub(crate) struct Call<A: Clone + Eq + Hash> {
    handle: Handle<A>,
}

/// A piece that is charged to a call's connection until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge<A: Clone + Eq + Hash> {
    call: Arc<Call<A>>,
    kind: Kind,
    piece: u64,
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

    fn make_room_for_calls(&self, table: &mut Table<A>, account: &A) {
        while table.of(account).calls > self.limits.calls.open && table.close_busiest(account) {}
    }

    fn make_room_for_bytes(&self, table: &mut Table<A>, account: &A, kind: Kind) {
        let limit = *self.limits.calls.bytes().get(kind);
        while table.of(account).bytes.get(kind).bytes > limit && table.end_oldest(account, kind) {}
        // What has been ended and is not gone may be as much again: who does not even read from the socket can keep it.
        while table.of(account).ended.get(kind).bytes > limit && table.close_stuck(account, kind) {}
    }

    /// After an account has got a connection that was open before.
    fn make_room_for_all(&self, table: &mut Table<A>, account: &A) {
        while table.of(account).connections > self.limits.of_account && table.close_oldest(account) {}
        self.make_room_for_calls(table, account);
        for kind in Kind::ALL {
            self.make_room_for_bytes(table, account, kind);
        }
    }

    /// The open calls of an account, and what they hold in bytes.
    #[cfg(test)]
    pub(crate) fn held(&self, account: &A, kind: Kind) -> (usize, usize) {
        let table = self.table();
        let of = table.of(account);
        (of.calls, of.bytes.get(kind).bytes)
    }

    fn table(&self) -> MutexGuard<'_, Table<A>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallLimits {
    fn bytes(&self) -> PerKind<usize> {
        PerKind { unfinished: self.unfinished, unread: self.unread }
    }
}

impl<T> PerKind<T> {
    fn get(&self, kind: Kind) -> &T {
        match kind {
            Kind::Unfinished => &self.unfinished,
            Kind::Unread => &self.unread,
        }
    }

    fn get_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Unfinished => &mut self.unfinished,
            Kind::Unread => &mut self.unread,
        }
    }
}

impl Kind {
    const ALL: [Self; 2] = [Self::Unfinished, Self::Unread];
}

impl Pieces {
    fn extent(&self) -> Extent {
        Extent { bytes: self.bytes, oldest: self.by_age.first_key_value().map(|(age, _)| *age) }
    }

    fn insert(&mut self, age: u64, piece: Piece) {
        self.bytes += piece.bytes;
        self.by_age.insert(age, piece);
    }

    fn remove(&mut self, age: u64) -> Option<Piece> {
        let piece = self.by_age.remove(&age)?;
        self.bytes -= piece.bytes;
        Some(piece)
    }

    fn resize(&mut self, age: u64, bytes: usize) {
        if let Some(piece) = self.by_age.get_mut(&age) {
            self.bytes = self.bytes - piece.bytes + bytes;
            piece.bytes = bytes;
        }
    }

    /// Takes out the pieces of one call, with their numbers.
    fn take(&mut self, ending: &Arc<Ending>) -> Vec<(u64, Piece)> {
        let pieces = self.by_age.iter().filter(|(_, piece)| Arc::ptr_eq(&piece.ending, ending));
        let ages: Vec<u64> = pieces.map(|(age, _)| *age).collect();
        ages.into_iter().filter_map(|age| Some((age, self.remove(age)?))).collect()
    }
}

impl Sum {
    const NONE: Self = Self { bytes: 0, oldest: BTreeSet::new() };

    /// Takes in what has become of the pieces of a connection.
    fn change(&mut self, id: u64, before: Extent, after: Extent) {
        self.bytes = self.bytes - before.bytes + after.bytes;
        if before.oldest != after.oldest {
            before.oldest.map(|age| self.oldest.remove(&(age, id)));
            after.oldest.map(|age| self.oldest.insert((age, id)));
        }
    }
}

impl Account {
    fn add<A>(&mut self, id: u64, entry: &Entry<A>) {
        self.connections += 1;
        self.calls += entry.calls;
        for kind in Kind::ALL {
            self.bytes.get_mut(kind).change(id, Extent::default(), entry.pieces.get(kind).extent());
            self.ended.get_mut(kind).change(id, Extent::default(), entry.ended.get(kind).extent());
        }
    }

    fn subtract<A>(&mut self, id: u64, entry: &Entry<A>) {
        self.connections -= 1;
        self.calls -= entry.calls;
        for kind in Kind::ALL {
            self.bytes.get_mut(kind).change(id, entry.pieces.get(kind).extent(), Extent::default());
            self.ended.get_mut(kind).change(id, entry.ended.get(kind).extent(), Extent::default());
        }
    }
}

impl PerKind<Sum> {
    const NONE: Self = Self { unfinished: Sum::NONE, unread: Sum::NONE };
}

impl<A: Clone + Eq + Hash> Table<A> {
    fn insert(&mut self, account: A, close: CancellationToken) -> u64 {
        let id = self.number();
        let entry = Entry { account, close, calls: 0, pieces: PerKind::default(), ended: PerKind::default() };
        self.accounts.entry(entry.account.clone()).or_default().add(id, &entry);
        self.open.insert(id, entry);
        id
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn remove(&mut self, id: u64) -> Option<Entry<A>> {
        let entry = self.open.remove(&id)?;
        if let Some(of) = self.accounts.get_mut(&entry.account) {
            of.subtract(id, &entry);
            if of.connections == 0 {
                self.accounts.remove(&entry.account);
            }
        }
        Some(entry)
    }

    /// Moves a connection into another account. Says whether it was in another.
    fn settle(&mut self, id: u64, account: &A) -> bool {
        if self.open.get(&id).is_none_or(|entry| entry.account == *account) {
            return false;
        }
        let Some(mut entry) = self.remove(id) else { return false };
        entry.account = account.clone();
        self.accounts.entry(account.clone()).or_default().add(id, &entry);
        self.open.insert(id, entry);
        true
    }

    fn account(&self, id: u64) -> Option<A> {
        self.open.get(&id).map(|entry| entry.account.clone())
    }

    fn of(&self, account: &A) -> &Account {
        const NONE: &Account =
            &Account { connections: 0, calls: 0, bytes: PerKind::NONE, ended: PerKind::NONE };
        self.accounts.get(account).unwrap_or(NONE)
    }

    fn largest(&self) -> Option<A> {
        self.accounts.iter().max_by_key(|(_, of)| of.connections).map(|(account, _)| account.clone())
    }

    fn of_account(&mut self, account: &A) -> impl Iterator<Item = (u64, &mut Entry<A>)> {
        self.open.iter_mut().filter(|(_, entry)| entry.account == *account).map(|(id, entry)| (*id, entry))
    }

    /// Says whether there was one.
    fn close_oldest(&mut self, account: &A) -> bool {
        let oldest = self.of_account(account).next().map(|(id, _)| id);
        self.close(oldest)
    }

    /// Says whether there was one.
    fn close_busiest(&mut self, account: &A) -> bool {
        let busiest = self.of_account(account).max_by_key(|(_, entry)| entry.calls).map(|(id, _)| id);
        self.close(busiest)
    }

    /// Says whether there was one to close.
    fn close(&mut self, id: Option<u64>) -> bool {
        let closed = id.and_then(|id| self.remove(id));
        closed.map(|entry| entry.close.cancel()).is_some()
    }

    /// Ends the call that has held a piece for the longest; its connection where nothing less ends it. Says whether
    /// there was one.
    fn end_oldest(&mut self, account: &A, kind: Kind) -> bool {
        let Some((age, id)) = self.of(account).bytes.get(kind).oldest.first().copied() else { return false };
        let piece = self.open.get(&id).and_then(|entry| entry.pieces.get(kind).by_age.get(&age));
        let Some(ending) = piece.map(|piece| piece.ending.clone()) else { return false };
        if !ending.end() {
            return self.close(Some(id));
        }
        self.mark_ended(id, kind, &ending);
        true
    }

    /// Closes the connection that has kept a piece of an ended call for the longest. Says whether there was one.
    fn close_stuck(&mut self, account: &A, kind: Kind) -> bool {
        let stuck = self.of(account).ended.get(kind).oldest.first().map(|(_, id)| *id);
        self.close(stuck)
    }

    /// Counts the pieces of a call as those of one that has been ended.
    fn mark_ended(&mut self, id: u64, kind: Kind, ending: &Arc<Ending>) {
        self.change(id, kind, |pieces, ended| {
            for (age, piece) in pieces.take(ending) {
                ended.insert(age, piece);
            }
        });
    }

    /// Changes the pieces of a connection, those of ended calls being the second, and with them the sums of its account.
    fn change(&mut self, id: u64, kind: Kind, change: impl FnOnce(&mut Pieces, &mut Pieces)) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let (pieces, ended) = (entry.pieces.get_mut(kind), entry.ended.get_mut(kind));
        let before = (pieces.extent(), ended.extent());
        change(pieces, ended);
        if let Some(of) = self.accounts.get_mut(&entry.account) {
            of.bytes.get_mut(kind).change(id, before.0, pieces.extent());
            of.ended.get_mut(kind).change(id, before.1, ended.extent());
        }
    }

    /// Changes how many calls a connection has; gives its account, unless it has been closed.
    fn count_calls(&mut self, id: u64, change: impl Fn(usize) -> usize) -> Option<A> {
        let entry = self.open.get_mut(&id)?;
        let of = self.accounts.get_mut(&entry.account)?;
        (entry.calls, of.calls) = (change(entry.calls), change(of.calls));
        Some(entry.account.clone())
    }

    /// Begins a piece; gives its number.
    fn begin(&mut self, id: u64, kind: Kind, piece: Piece) -> u64 {
        let number = self.number();
        self.change(id, kind, |pieces, _| pieces.insert(number, piece));
        number
    }

    fn resize(&mut self, id: u64, kind: Kind, piece: u64, bytes: usize) {
        self.change(id, kind, |pieces, ended| {
            pieces.resize(piece, bytes);
            ended.resize(piece, bytes);
        });
    }

    fn end(&mut self, id: u64, kind: Kind, piece: u64) {
        self.change(id, kind, |pieces, ended| {
            pieces.remove(piece);
            ended.remove(piece);
        });
    }
}

impl<A: Clone + Eq + Hash> Handle<A> {
    /// Puts the connection into another account, which makes room for what it brings.
    pub fn settle(&self, account: A) {
        let mut table = self.connections.table();
        if table.settle(self.id, &account) {
            self.connections.make_room_for_all(&mut table, &account);
        }
    }

    /// Whose the connection is; none once it is closed.
    pub(crate) fn account(&self) -> Option<A> {
        self.connections.table().account(self.id)
    }

    /// Counts a call. When its account has too many, the connection with the most is closed, which may be this one.
    pub(crate) fn call(&self) -> Arc<Call<A>> {
        let mut table = self.connections.table();
        if let Some(account) = table.count_calls(self.id, |calls| calls + 1) {
            self.connections.make_room_for_calls(&mut table, &account);
        }
        Arc::new(Call { handle: self.clone() })
    }

    /// Makes room in the connection's account for what the connection has just been charged with.
    fn make_room(&self, table: &mut Table<A>, kind: Kind) {
        if let Some(account) = table.account(self.id) {
            self.connections.make_room_for_bytes(table, &account, kind);
        }
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

impl<A: Clone + Eq + Hash> Call<A> {
    pub(crate) fn handle(&self) -> &Handle<A> {
        &self.handle
    }

    /// Charges a piece to the call's connection. `ending` ends the call where the piece must go.
    pub(crate) fn charge(self: &Arc<Self>, kind: Kind, bytes: usize, ending: Arc<Ending>) -> Charge<A> {
        let Handle { connections, id, .. } = &self.handle;
        let mut table = connections.table();
        let piece = table.begin(*id, kind, Piece { bytes, ending });
        self.handle.make_room(&mut table, kind);
        Charge { call: self.clone(), kind, piece }
    }
}

impl<A: Clone + Eq + Hash> Drop for Call<A> {
    fn drop(&mut self) {
        self.handle.connections.table().count_calls(self.handle.id, |calls| calls - 1);
    }
}

impl<A: Clone + Eq + Hash> Charge<A> {
    /// Charges this many bytes from now on. While the account has too many, the call with its oldest piece is ended,
    /// which may be this one.
    pub(crate) fn set(&self, bytes: usize) {
        let Handle { connections, id, .. } = &self.call.handle;
        let mut table = connections.table();
        table.resize(*id, self.kind, self.piece, bytes);
        self.call.handle.make_room(&mut table, self.kind);
    }
}

impl<A: Clone + Eq + Hash> Drop for Charge<A> {
    fn drop(&mut self) {
        let Handle { connections, id, .. } = &self.call.handle;
        connections.table().end(*id, self.kind, self.piece);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::{
        cell::Cell,
        hash::Hasher,
        task::{Context, Waker},
    };

    use super::*;

    type Places = Vec<Place<&'static str>>;

    fn connections(all: usize, of_account: usize) -> Arc<Connections<&'static str>> {
        let calls = CallLimits { open: 3, unfinished: 100, unread: 50 };
        Connections::new(Limits { all, of_account, calls })
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

    /// A piece whose call can be ended by itself, as long as the waker is registered.
    fn piece(place: &Place<&'static str>, kind: Kind, bytes: usize) -> (Charge<&'static str>, Arc<Ending>) {
        let ending = Arc::new(Ending::default());
        (place.handle().call().charge(kind, bytes, ending.clone()), ending)
    }

    fn wait(ending: &Ending) -> bool {
        ending.has_ended(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn the_oldest_piece_of_an_account_goes_not_the_largest() {
        for (kind, limit) in [(Kind::Unfinished, 100), (Kind::Unread, 50)] {
            let connections = connections(100, 100);
            let places = open(&connections, "stranger", 2).await;
            let member = connections.open("member").await;
            let old = piece(&places[0], kind, 1);
            let large = piece(&places[1], kind, limit - 1);
            let others = piece(&member, kind, limit);
            for (_, ending) in [&old, &large, &others] {
                assert!(!wait(ending));
            }
            large.0.set(limit);
            assert!(wait(&old.1) && !wait(&large.1) && !wait(&others.1));
            // The call that has been ended counts no more among the others.
            old.0.set(limit);
            assert!(!wait(&large.1));
            drop(old);
            let newest = piece(&places[0], kind, 1);
            assert!(wait(&large.1) && !wait(&newest.1));
            assert_eq!((closed(&places), member.handle().is_closed()), (vec![], false));
            drop((large, others, newest));
            assert_eq!(connections.held(&"stranger", kind), (0, 0));
            assert_eq!(connections.held(&"member", kind), (0, 0));
        }
    }

    /// As with a client that does not read from the socket: HTTP/2 keeps what it has begun to write.
    #[tokio::test]
    async fn what_has_been_ended_and_does_not_go_takes_its_connection_with_it() {
        let connections = connections(100, 100);
        let places = open(&connections, "member", 4).await;
        let mut pieces = Vec::new();
        for (index, expected) in [(0, 50), (1, 50), (2, 50)] {
            pieces.push(piece(&places[index], Kind::Unread, 50));
            assert!(!wait(&pieces[index].1));
            assert_eq!(connections.held(&"member", Kind::Unread).1, expected);
        }
        // The first two have been ended, which is 50 too many.
        assert_eq!(closed(&places), [0]);
        pieces.push(piece(&places[3], Kind::Unread, 50));
        assert_eq!(closed(&places), [0, 1]);
        drop(pieces);
        let of = connections.table();
        let of = of.of(&"member");
        assert_eq!((of.bytes.unread.bytes, of.ended.unread.bytes), (0, 0));
    }

    #[tokio::test]
    async fn a_call_that_nothing_ends_loses_its_connection() {
        let connections = connections(100, 100);
        let places = open(&connections, "stranger", 2).await;
        let _old = piece(&places[0], Kind::Unread, 10);
        let (_newest, ending) = piece(&places[1], Kind::Unread, 41);
        assert_eq!(closed(&places), [0]);
        assert!(!wait(&ending));
    }

    #[tokio::test]
    async fn with_too_many_calls_the_busiest_connection_goes() {
        let connections = connections(100, 100);
        let places = open(&connections, "stranger", 2).await;
        let mut calls: Vec<_> = [0, 1, 1].map(|index: usize| places[index].handle().call()).into();
        assert_eq!(closed(&places), [0; 0]);
        calls.push(places[0].handle().call());
        assert_eq!(closed(&places).len(), 1);
        assert_eq!(connections.held(&"stranger", Kind::Unread), (2, 0));
        drop(calls);
        assert_eq!(connections.held(&"stranger", Kind::Unread), (0, 0));
    }

    #[tokio::test]
    async fn calls_and_pieces_move_with_their_connection() {
        let connections = connections(100, 100);
        let place = connections.open("stranger").await;
        let piece = piece(&place, Kind::Unfinished, 60);
        place.handle().settle("member");
        let sums = |account| connections.held(&account, Kind::Unfinished);
        assert_eq!((sums("stranger"), sums("member")), ((0, 0), (1, 60)));
        drop(piece);
        assert_eq!(sums("member"), (0, 0));
    }

    #[tokio::test]
    async fn an_account_cannot_gather_more_connections_than_it_may_open() {
        let connections = connections(100, 3);
        let mut gathered = Vec::new();
        for _ in 0..5 {
            gathered.push(connections.open("stranger").await);
            gathered.last().unwrap().handle().settle("member");
        }
        assert_eq!(closed(&gathered), [0, 1]);
    }

    /// What an organisation's connections bring counts for it at once, not only when it charges something itself.
    #[tokio::test]
    async fn what_a_connection_brings_along_is_limited_too() {
        let connections = connections(100, 100);
        let mut brought = Vec::new();
        for _ in 0..3 {
            let place = connections.open("stranger").await;
            let (charge, ending) = piece(&place, Kind::Unfinished, 90);
            assert!(!wait(&ending));
            place.handle().settle("member");
            brought.push((place, charge, ending));
        }
        let ended: Vec<_> = brought.iter().map(|(_, _, ending)| wait(ending)).collect();
        assert_eq!(ended, [true, true, false]);
        assert_eq!(connections.held(&"member", Kind::Unfinished), (2, 90));
        assert_eq!(brought.iter().filter(|(place, ..)| place.handle().is_closed()).count(), 1);
    }

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// An account that counts how often it is compared: once for each connection that is looked at.
    #[derive(Clone, Debug)]
    struct Counted;

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    impl PartialEq for Counted {
        fn eq(&self, _: &Self) -> bool {
            COMPARISONS.set(COMPARISONS.get() + 1);
            true
        }
    }

    impl Eq for Counted {}

    #[tokio::test]
    async fn who_must_go_is_found_without_a_walk_through_all_connections() {
        const MANY: usize = 4000;
        let calls = CallLimits { open: MANY, unfinished: MANY, unread: MANY };
        let connections = Connections::new(Limits { all: MANY, of_account: MANY, calls });
        let mut held = Vec::new();
        for _ in 0..MANY {
            let place = connections.open(Counted).await;
            let ending = Arc::new(Ending::default());
            assert!(!wait(&ending));
            held.push((place.handle().call().charge(Kind::Unread, 1, ending.clone()), ending, place));
        }
        let (newest, _, _) = held.last().unwrap();
        COMPARISONS.set(0);
        newest.set(2);
        assert!(wait(&held[0].1) && !wait(&held[1].1));
        assert!(COMPARISONS.get() < 10, "{}", COMPARISONS.get());
    }
}
