//! The Unix socket that the signer listens on.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// Its owner and its group may connect.
const MODE: u32 = 0o660;

/// Removes the socket at its end.
pub struct Socket {
    path: PathBuf,
}

/// Listens at `path`. A socket that a killed signer left behind is replaced; one that answers is somebody's.
pub fn listen(path: &Path) -> io::Result<(UnixListener, Socket)> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something that is no socket"));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another signer listens there"));
        }
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let socket = Socket { path: path.to_owned() };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok((listener, socket))
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
