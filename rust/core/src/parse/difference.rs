//! Where two texts differ, found at the speed of a plain comparison.

const BLOCK: usize = 64;
const WORD: usize = 8;

/// The first byte at or after `from` in which the texts, of one length, differ.
#[inline]
pub(super) fn first_difference(old: &[u8], new: &[u8], from: usize) -> Option<usize> {
    let (old_blocks, old_rest) = old.get(from..)?.as_chunks::<BLOCK>();
    let (new_blocks, new_rest) = new.get(from..)?.as_chunks::<BLOCK>();
    for (block, (a, b)) in old_blocks.iter().zip(new_blocks).enumerate() {
        if a != b {
            return Some(from + block * BLOCK + within(a, b)?);
        }
    }
    Some(from + old_blocks.len() * BLOCK + within(old_rest, new_rest)?)
}

/// The first byte in which two short slices of one length differ.
#[inline]
fn within(a: &[u8], b: &[u8]) -> Option<usize> {
    let (a_words, a_rest) = a.as_chunks::<WORD>();
    let (b_words, b_rest) = b.as_chunks::<WORD>();
    for (index, (a, b)) in a_words.iter().zip(b_words).enumerate() {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return Some(index * WORD + differing.trailing_zeros() as usize / 8);
        }
    }
    let index = a_rest.iter().zip(b_rest).position(|(a, b)| a != b)?;
    Some(a_words.len() * WORD + index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        for len in [0, 1, 7, 8, 9, 63, 64, 65, 200] {
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
