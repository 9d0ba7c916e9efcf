//! The Unix socket that the signer listens on.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// Its owner and its group may connect.
const MODE: u32 = 0o660;

/// Removes the socket at its end, if it is still its own.
pub struct Socket {
    path: PathBuf,
    inode: u64,
}

/// Listens at `path`. A socket that a killed signer left behind is replaced; one that answers is somebody's.
pub fn listen(path: &Path) -> io::Result<(UnixListener, Socket)> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // They could put something else in the socket's place, or make its mode that of another file.
    if fs::metadata(directory)?.mode() & 0o022 != 0 {
        let rule = "others can write into its directory: make that 0750";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, rule));
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something that is no socket"));
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another signer listens there")),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        },
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let socket = Socket { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok((listener, socket))
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_own {
            let _ = fs::remove_file(&self.path);
        }
    }
}
