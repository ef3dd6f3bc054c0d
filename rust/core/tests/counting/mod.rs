//! An allocator that counts what the sampler's thread takes from it, and what the process holds.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait, and the thread's name is read without allocating")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the sampler's thread is called, with the zero that ends it.
const SAMPLER: &[u8; 16] = b"irqtrace-sample\0";

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static COUNTS: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST_HELD: AtomicUsize = AtomicUsize::new(0);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Counting;

impl Counting {
    fn count() {
        if COUNTS.load(Ordering::SeqCst) && is_sampler() {
            COUNT.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn taken(bytes: usize) {
        let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
        MOST_HELD.fetch_max(held, Ordering::Relaxed);
    }

    fn given_back(bytes: usize) {
        HELD.fetch_sub(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it is; counting takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        Self::taken(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::count();
        Self::given_back(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count();
        Self::taken(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::count();
        // For a moment it may be there twice.
        Self::taken(new_size);
        Self::given_back(layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn is_sampler() -> bool {
    let mut name = [0_u8; SAMPLER.len()];
    // SAFETY: the kernel writes at most 16 bytes, which is the buffer's length.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name == *SAMPLER
}

/// The most bytes that the process held at a time since the last call.
pub fn most_held() -> usize {
    MOST_HELD.swap(HELD.load(Ordering::Relaxed), Ordering::Relaxed)
}

/// The only count in progress: tests of one process take turns.
pub struct Count(#[expect(dead_code, reason = "it is held, not read")] MutexGuard<'static, ()>);

impl Count {
    /// Takes the turn. Nothing is counted yet.
    pub fn turn() -> Self {
        Self(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts from here.
    pub fn begin() {
        COUNT.store(0, Ordering::SeqCst);
        COUNTS.store(true, Ordering::SeqCst);
    }

    /// Ends counting, and says how often the sampler's thread took, moved or gave back memory since.
    pub fn end() -> u64 {
        COUNTS.store(false, Ordering::SeqCst);
        COUNT.load(Ordering::SeqCst)
    }
}
