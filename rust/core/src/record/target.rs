//! The name that a file will have once it is complete.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{PathPersistError, TempPath};

use crate::{ConfigError, IrqtraceError};

/// Where a file will be, and what is there now.
pub(super) struct Target {
    /// As it was given, for messages.
    pub(super) given: PathBuf,
    /// The same from the root, behind links: the working folder may change until the end.
    pub(super) path: PathBuf,
    pub(super) overwrite: bool,
    /// A segment never takes the place of a file, whatever may be replaced.
    is_segment: bool,
    /// The file that it replaces: it hands on its rights.
    replaced: Option<Metadata>,
}

impl Target {
    /// Looks at the place of a file that is to be `given`.
    ///
    /// # Errors
    ///
    /// The path exists and `overwrite` is not set ([`io::ErrorKind::AlreadyExists`]), or is empty or something other than
    /// a file.
    pub(super) fn new(given: &Path, overwrite: bool) -> Result<Self, IrqtraceError> {
        if given.as_os_str().is_empty() {
            return Err(ConfigError("path is empty; it names the file to write".to_owned()).into());
        }
        let fail = |source| IrqtraceError::Io { path: given.to_owned(), source };
        let senseless = |message| fail(io::Error::new(io::ErrorKind::InvalidInput, message));
        if given.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(senseless("names a folder and no file"));
        }
        let replaced = match given.metadata() {
            Ok(found) if found.is_file() => Some(found),
            Ok(_) => return Err(senseless("exists and is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fail(error)),
        };
        // A link that leads nowhere is in the way too.
        if !overwrite && given.symlink_metadata().is_ok() {
            return Err(fail(exists()));
        }
        let path = behind_links(given).map_err(fail)?;
        if path.parent().is_none() || path.file_name().is_none() {
            return Err(senseless("names no file"));
        }
        Ok(Self { given: given.to_owned(), path, overwrite, is_segment: false, replaced })
    }

    /// The same for a segment, whose name is free as far as the recorder knows.
    pub(super) fn segment(given: &Path) -> Result<Self, IrqtraceError> {
        if given.symlink_metadata().is_ok() {
            return Err(IrqtraceError::Io { path: given.to_owned(), source: not_ours() });
        }
        Ok(Self { is_segment: true, ..Self::new(given, false)? })
    }

    /// A path that leads to it: as it was given, unless the working folder has changed since.
    pub(super) fn found_at(&self) -> &Path {
        if behind_links(&self.given).is_ok_and(|path| path == self.path) { &self.given } else { &self.path }
    }

    /// The file that is there and was to be replaced.
    pub(super) fn replaced(&self) -> Option<&Path> {
        self.replaced.as_ref().map(|_| self.path.as_path())
    }

    /// A new file with a name of its own beside this one, which goes when it is dropped.
    pub(super) fn temporary(&self) -> io::Result<(File, TempPath)> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let (file, path) = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .make_in(folder, |path| self.options().open(path))?
            .into_parts();
        self.hand_on_rights(&file)?;
        Ok((file, path))
    }

    /// A new file of this name, which is not there yet, with the rights that this one will have.
    pub(super) fn create_beside(&self, path: &Path) -> io::Result<File> {
        let file = self.options().open(path)?;
        self.hand_on_rights(&file)?;
        Ok(file)
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if let Some(replaced) = &self.replaced {
            use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
            // From the first moment: what was its owner's alone is nobody else's to open meanwhile.
            options.mode(replaced.permissions().mode());
        }
        options
    }

    /// Owner and mode of the file that is replaced; else they are those of any new file.
    fn hand_on_rights(&self, file: &File) -> io::Result<()> {
        let Some(replaced) = &self.replaced else { return Ok(()) };
        // Where the system lets us: only root gives files away.
        #[cfg(unix)]
        let _ = {
            use std::os::unix::fs::{MetadataExt, fchown};
            fchown(file, Some(replaced.uid()), Some(replaced.gid()))
        };
        // What the process's umask took away.
        file.set_permissions(replaced.permissions())
    }

    /// Gives a temporary file this name.
    ///
    /// # Errors
    ///
    /// It stays under the temporary one where it can ([`IrqtraceError::NotNamed`]).
    pub(super) fn name_temporary(&self, temporary: TempPath) -> Result<(), IrqtraceError> {
        let named =
            if self.overwrite { temporary.persist(&self.path) } else { temporary.persist_noclobber(&self.path) };
        named.map_err(|PathPersistError { error, path: temporary }| match temporary.keep() {
            Ok(kept) => self.not_named(error, kept),
            Err(_) => self.fail(error),
        })
    }

    /// Gives a file this name, if it is free or may be taken.
    ///
    /// # Errors
    ///
    /// It keeps the name that it has ([`IrqtraceError::NotNamed`]).
    pub(super) fn name(&self, unnamed: &Path) -> Result<(), IrqtraceError> {
        // Held only until it has its name, or to stay under the one that it has.
        match TempPath::try_from_path(unnamed) {
            Ok(temporary) => self.name_temporary(temporary),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn not_named(&self, error: io::Error, kept: PathBuf) -> IrqtraceError {
        let source = match error.kind() {
            io::ErrorKind::AlreadyExists if self.is_segment => not_ours(),
            io::ErrorKind::AlreadyExists => exists(),
            _ => error,
        };
        // With its folder, the recording itself may have gone.
        if kept.exists() {
            IrqtraceError::NotNamed { path: self.given.clone(), source, kept }
        } else {
            self.fail(source)
        }
    }

    /// An error of the system about this file.
    pub(super) fn fail(&self, source: io::Error) -> IrqtraceError {
        IrqtraceError::Io { path: self.given.clone(), source }
    }
}

/// The file that a path leads to, be it there or not, from the root.
pub(super) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = std::path::absolute(path)?;
    // No more than the kernel follows: what comes after is a circle.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&target) else { break };
        target.pop();
        target.push(next);
    }
    Ok(target)
}

pub(super) fn exists() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "exists already; overwrite (--force) replaces it")
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "is not of this recording, and is left alone")
}

/// Brings a folder's list of names to the disk, where the system has that and lets us: else a crash could undo a new name.
pub(super) fn sync_folder(of: &Path) {
    #[cfg(unix)]
    if let Some(folder) = of.parent() {
        // A folder that may not be read can be written to all the same.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = of;
}

/// Removes a file that may have gone already.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
