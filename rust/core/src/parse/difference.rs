//! Where two texts differ, found at the speed of a plain comparison.

const BLOCK: usize = 128;
const WORD: usize = 8;

/// The first byte at or after `from` in which the texts, of one length, differ.
#[inline]
pub(super) fn first_difference(old: &[u8], new: &[u8], from: usize) -> Option<usize> {
    let (old_blocks, old_rest) = old.get(from..)?.as_chunks::<BLOCK>();
    let (new_blocks, new_rest) = new.get(from..)?.as_chunks::<BLOCK>();
    for (block, (a, b)) in old_blocks.iter().zip(new_blocks).enumerate() {
        if a != b {
            return Some(from + block * BLOCK + within(a, b));
        }
    }
    let rest = old_rest.iter().zip(new_rest).position(|(a, b)| a != b)?;
    Some(from + old_blocks.len() * BLOCK + rest)
}

/// The first byte in which two blocks differ, that do. Where it is cannot be foreseen: no branch depends on it.
#[inline]
fn within(a: &[u8; BLOCK], b: &[u8; BLOCK]) -> usize {
    let (a, b) = (a.as_chunks::<WORD>().0, b.as_chunks::<WORD>().0);
    let differing = |index: usize| u64::from_le_bytes(a[index]) ^ u64::from_le_bytes(b[index]);
    let words = (0..BLOCK / WORD).fold(0_u32, |words, index| words | u32::from(differing(index) != 0) << index);
    let word = words.trailing_zeros() as usize % (BLOCK / WORD);
    word * WORD + differing(word).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        for len in [0, 1, 7, 8, 127, 128, 129, 300] {
            let old = vec![b' '; len];
            assert_eq!(first_difference(&old, &old, 0), None);
            for at in 0..len {
                let mut new = old.clone();
                new[at] = b'1';
                for from in 0..len {
                    assert_eq!(first_difference(&old, &new, from), (from <= at).then_some(at));
                }
            }
        }
    }
}
