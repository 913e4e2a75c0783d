//! Values by their ids, for many threads at once: one atomic for each place, and no lock around several of them.
//!
//! An id has one place. Whoever wants the value there exchanges the id for a mark that says "in use", and puts the id back when
//! done: one atomic both finds the value and locks it. Where the place is another id's, the value is not kept here.

use std::mem::MaybeUninit;
use std::num::NonZeroU64;

use super::sync::{AtomicU64, Guarded, Ordering, wait};

/// Somebody uses the place. No id is zero.
const IN_USE: u64 = 0;
/// The place is nobody's. It is an id too: the place that it would have is left out, so that nobody finds it there.
const EMPTY: u64 = u64::MAX;
/// An id that has another place than that one.
const ELSEWHERE: u64 = 1;

/// `N` places, a power of two.
pub(crate) struct Slots<T, const N: usize>(Box<[Slot<T>; N]>);

/// On a cache line of its own, if the value is of no more than 56 bytes.
#[repr(align(64))]
struct Slot<T> {
    /// The id whose value is there, or one of the two marks.
    id: AtomicU64,
    /// There is one under an id that has this place, and for whoever locked it under such.
    value: Guarded<MaybeUninit<T>>,
}

impl<T, const N: usize> Slots<T, N> {
    pub(crate) fn new() -> Self {
        const {
            assert!(N.is_power_of_two(), "places are told apart by the low bits of an id");
            assert!(Self::place(EMPTY) != Self::place(ELSEWHERE));
        }
        let id = |place| if place == Self::place(EMPTY) { ELSEWHERE } else { EMPTY };
        Self(Box::new(std::array::from_fn(|place| Slot::new(id(place)))))
    }

    /// The place of an id, to put a value in; `None` when it is taken.
    #[inline(always)]
    pub(crate) fn vacancy(&self, id: NonZeroU64) -> Option<Vacancy<'_, T>> {
        let slot = self.slot(id);
        slot.try_lock(EMPTY).ok()?;
        Some(Vacancy(Lock { slot, id: EMPTY }, id))
    }

    /// A value, which nobody else uses until this is dropped. Whoever has it must not call out: others who want it wait. `None`
    /// when there is no such value here, and also while somebody else uses its place: [`get`](Self::get) knows.
    #[inline(always)]
    pub(crate) fn try_get(&self, id: NonZeroU64) -> Option<Held<'_, T>> {
        let slot = self.slot(id);
        slot.try_lock(id.get()).ok()?;
        Some(Held(Lock { slot, id: id.get() }))
    }

    /// The same. Waits for whoever uses the place, which is not for long.
    pub(crate) fn get(&self, id: NonZeroU64) -> Option<Held<'_, T>> {
        let slot = self.slot(id);
        let mut turns = 0;
        while let Err(found) = slot.try_lock(id.get()) {
            if found != IN_USE {
                return None;
            }
            wait(&mut turns);
        }
        Some(Held(Lock { slot, id: id.get() }))
    }

    #[inline(always)]
    fn slot(&self, id: NonZeroU64) -> &Slot<T> {
        &self.0[Self::place(id.get())]
    }

    /// Ids that follow each other have places that do, as those of one thread should. The registry of `tracing-subscriber`
    /// counts from zero for every thread and has the thread above bit 38: so its threads begin 32 places apart.
    #[inline(always)]
    const fn place(id: u64) -> usize {
        id.wrapping_add(id >> 33) as usize & (N - 1)
    }
}

impl<T> Slot<T> {
    fn new(id: u64) -> Self {
        Self { id: AtomicU64::new(id), value: Guarded::new(MaybeUninit::uninit()) }
    }

    /// Locks the place, if it is this id's, or is [`EMPTY`] as that says; else says what it is.
    #[inline(always)]
    fn try_lock(&self, id: u64) -> Result<u64, u64> {
        // Acquire: what was done with the value before was done.
        self.id.compare_exchange(id, IN_USE, Ordering::Acquire, Ordering::Relaxed)
    }
}

/// A place that is in use until this is dropped, also when a panic passes by.
struct Lock<'a, T> {
    slot: &'a Slot<T>,
    /// What the place is from then on.
    id: u64,
}

impl<T> Lock<'_, T> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn place(&mut self) -> &mut MaybeUninit<T> {
        // SAFETY: the only reference. A `Lock` is made only by who exchanged the id for `IN_USE`, which nobody else can until it is
        // dropped; it is not cloned, and lends the place for as long as it is borrowed itself.
        unsafe { &mut *self.slot.value.get() }
    }
}

impl<T> Drop for Lock<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: the value is as it is to be.
        self.slot.id.store(self.id, Ordering::Release);
    }
}

/// A value that is in use.
pub(crate) struct Held<'a, T>(Lock<'a, T>);

impl<T> Held<'_, T> {
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn value(&mut self) -> &mut T {
        // SAFETY: it was locked under an id that has this place, which only `put` stores, after the value.
        unsafe { self.0.place().assume_init_mut() }
    }

    /// Takes the value out.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn take(mut self) -> T {
        self.0.id = EMPTY;
        // SAFETY: as above; and under `EMPTY` nobody will take it for one again.
        unsafe { self.0.place().assume_init_read() }
    }
}

/// A place that a value can be put in.
pub(crate) struct Vacancy<'a, T>(Lock<'a, T>, NonZeroU64);

impl<T> Vacancy<'_, T> {
    #[inline(always)]
    pub(crate) fn put(self, value: T) {
        let Self(mut lock, id) = self;
        lock.place().write(value);
        lock.id = id.get();
    }
}

impl<T, const N: usize> Drop for Slots<T, N> {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        for (place, slot) in self.0.iter().enumerate() {
            let id = slot.id.load(Ordering::Acquire);
            if id != EMPTY && Self::place(id) == place {
                // SAFETY: under an id that has this place there is a value, and nobody else is here any more.
                unsafe { (*slot.value.get()).assume_init_drop() }
            }
        }
    }
}
