//! What `scripts/package` makes: looked into, and run from where it was unpacked.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Network, assert_success, files_below, get_with_status, nanotrace, repository};

/// All checks of one release, since making it takes most of the time.
#[test]
fn a_release_works_where_it_is_unpacked_and_tells_nothing_of_its_builder() {
    let Some(release) = Release::make() else { return };
    release.files_are_for_whom_they_should_be();
    release.nothing_of_the_builder_is_in_it();
    release.manual_and_completions_are_whole();
    release.units_are_strict();
    release.units_start_what_is_installed();
    release.a_node_of_the_package_issues();
    release.a_node_runs_with_the_files_of_its_image_alone();
    release.images_are_as_their_containerfiles_say();
    release.sums_are_right();
}

fn not_checked(what: &str) {
    eprintln!("!!! NOT CHECKED: {what}");
}

fn is_installed(tool: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

struct Release {
    /// Where the files of the release lie.
    folder: PathBuf,
    /// The Debian package, unpacked.
    installed: PathBuf,
    /// The tarball, unpacked.
    unpacked: PathBuf,
    scratch: TempDir,
}

impl Release {
    /// Makes a release of the program that is built; none where the machine has not what a package is made with.
    fn make() -> Option<Self> {
        if !is_installed("dpkg-shlibdeps") || !is_installed("strip") {
            not_checked("the packages: dpkg-dev or binutils is missing; scripts/test installs them");
            return None;
        }
        let scratch = tempfile::tempdir().unwrap();
        let [folder, installed, unpacked] =
            ["release", "installed", "unpacked"].map(|name| scratch.path().join(name));
        let mut package = Command::new(repository().join("scripts/package"));
        package.env("CARGO_TARGET_DIR", target_directory()).args(["--built", text(&folder)]);
        if !builds_images() {
            package.arg("--no-images");
        }
        assert_success(&package.output().unwrap());
        fs::create_dir(&unpacked).unwrap();
        let (debian, tarball) = (find(&folder, ".deb"), find(&folder, "-linux.tar.gz"));
        assert_success(&run("dpkg", &["-x", text(&debian), text(&installed)]));
        assert_success(&run("tar", &["-xzf", text(&tarball), "-C", text(&unpacked), "--strip-components=1"]));
        Some(Self { folder, installed, unpacked, scratch })
    }

    fn program(&self) -> PathBuf {
        self.installed.join("usr/bin/nanotrace")
    }

    fn unit(&self, name: &str) -> String {
        fs::read_to_string(self.installed.join("usr/lib/systemd/system").join(name)).unwrap()
    }

    fn files_are_for_whom_they_should_be(&self) {
        let listing = assert_success(&run("dpkg", &["-c", text(&find(&self.folder, ".deb"))]));
        assert!(listing.lines().all(|line| line.split_whitespace().nth(1) == Some("root/root")), "{listing}");
        let mode =
            |path: &str| fs::metadata(self.installed.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("usr/bin/nanotrace"), 0o755);
        assert_eq!(mode("etc/nanotrace"), 0o750);
        assert_eq!(mode("etc/nanotrace/node.env"), 0o640);
        assert_eq!(mode("etc/nanotrace/verifier.env"), 0o640);
        assert_eq!(mode("var/lib/nanotrace"), 0o700);
        for file in files_below(&self.installed, |_| true) {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o7022, 0, "{} has mode {mode:o}", file.display());
        }
    }

    fn nothing_of_the_builder_is_in_it(&self) {
        let cargo = std::env::var("CARGO_HOME").map(PathBuf::from);
        let cargo = cargo.unwrap_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cargo"));
        let folders = [cargo, target_directory(), repository()].map(|folder| text(&folder).to_owned());
        let images = self.folder.join("images");
        let all = [&self.installed, &self.unpacked, &images]
            .into_iter()
            .flat_map(|root| files_below(root, |_| true));
        for file in all {
            let content = fs::read(&file).unwrap();
            for folder in &folders {
                assert!(!contains(&content, folder.as_bytes()), "{} names {folder}", file.display());
            }
            // The program knows the lines that a key begins and ends with, and nothing between them.
            assert!(!contains(&content, b"PRIVATE KEY-----\nM"), "{} holds a key", file.display());
        }
        // The same search finds what it looks for in the program as it was built.
        let built = fs::read(nanotrace()).unwrap();
        assert!(folders.iter().any(|folder| contains(&built, folder.as_bytes())));
        assert!(fs::metadata(self.program()).unwrap().len() < built.len() as u64 / 2, "it is not stripped");
    }

    fn manual_and_completions_are_whole(&self) {
        let pages = subcommands(&nanotrace(), &mut vec!["nanotrace".to_owned()]);
        assert!(pages.contains(&"nanotrace-cert-accreditation-suspend".to_owned()), "{pages:?}");
        for page in &pages {
            let text = fs::read_to_string(self.unpacked.join(format!("man/{page}.1"))).unwrap();
            assert!(text.contains(".SH DESCRIPTION"), "{page}");
            assert!(self.installed.join(format!("usr/share/man/man1/{page}.1.gz")).exists(), "{page}");
        }
        let up = fs::read_to_string(self.unpacked.join("man/nanotrace-up.1")).unwrap();
        assert!(up.contains("[default: ~/.local/share/nanotrace]"), "{up}");
        let completions = self.installed.join("usr/share/bash-completion/completions/nanotrace");
        let script = format!(
            "source {}; COMP_WORDS=(nanotrace verifier --finger); COMP_CWORD=2; _nanotrace nanotrace --finger verifier; \
             echo \"${{COMPREPLY[@]}}\"",
            completions.display()
        );
        assert_eq!(assert_success(&run("bash", &["-c", &script])).trim(), "--fingerprint");
    }

    /// systemd's own tools find no fault in the units, and little that they leave open.
    fn units_are_strict(&self) {
        if !is_installed("systemd-analyze") {
            return not_checked("the units: systemd-analyze is missing; scripts/test installs systemd");
        }
        for name in ["nanotrace.service", "nanotrace-verifier.service"] {
            // The program is not where the unit looks for it.
            let unit = self.scratch.path().join(name);
            let here = format!("ExecStart={}", self.program().display());
            fs::write(&unit, self.unit(name).replace("ExecStart=/usr/bin/nanotrace", &here)).unwrap();
            let verified = run("systemd-analyze", &["verify", "--man=no", text(&unit)]);
            assert_success(&verified);
            assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
            let security = ["security", "--offline=true", "--threshold=15", text(&unit)];
            assert_success(&run("systemd-analyze", &security));
        }
    }

    /// Each unit's command is one that the program takes, with the options of its environment file.
    fn units_start_what_is_installed(&self) {
        for (name, environment) in
            [("nanotrace.service", "node.env"), ("nanotrace-verifier.service", "verifier.env")]
        {
            let unit = self.unit(name);
            assert!(unit.contains(&format!("EnvironmentFile=/etc/nanotrace/{environment}\n")));
            let settings =
                fs::read_to_string(self.installed.join("etc/nanotrace").join(environment)).unwrap();
            let options = settings.lines().find_map(|line| line.strip_prefix("NANOTRACE_OPTIONS=")).unwrap();
            let command =
                unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/nanotrace ")).unwrap();
            let command = command.replace("$NANOTRACE_OPTIONS", options.trim_matches('"'));
            let mut arguments: Vec<&str> = command.split_whitespace().collect();
            arguments.push("--help");
            assert_success(&run(text(&self.program()), &arguments));
        }
        // A verifier that was told no channel ends with the exit code at which systemd does not start it again.
        let nothing = run(text(&self.program()), &["verifier", "--data-dir", text(self.scratch.path())]);
        assert_eq!(nothing.status.code(), Some(2));
        assert!(self.unit("nanotrace-verifier.service").contains("\nRestartPreventExitStatus=1 2\n"));
    }

    fn a_node_of_the_package_issues(&self) {
        let data = self.installed.join("var/lib/nanotrace/node");
        let mut command = Command::new(self.program());
        command.env("NANOTRACE_DATA", &data);
        issue_and_verify(&Network::start_by(command, &data), &self.program());
    }

    /// In the image's files alone, which cannot be written to, with a volume for data: as a container runs.
    fn a_node_runs_with_the_files_of_its_image_alone(&self) {
        if !run("unshare", &["--map-root-user", "--mount", "true"]).status.success() {
            return not_checked("the image's files: this machine allows no new namespace");
        }
        let (root, data) = (self.folder.join("images/rootfs"), self.scratch.path().join("volume"));
        assert!(!root.join("bin/sh").exists() && !root.join("usr/bin/sh").exists());
        let mount_point = root.join("var/lib/nanotrace");
        fs::create_dir_all(&mount_point).unwrap();
        fs::create_dir(&data).unwrap();
        let script = "mount --bind \"$0\" \"$0\" && mount --bind \"$1\" \"$0/var/lib/nanotrace\" && \
                      mount -o remount,ro,bind \"$0\" && shift && exec chroot \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, text(&root), text(&data)]);
        command.arg("/usr/bin/nanotrace").env("NANOTRACE_DATA", "/var/lib/nanotrace");
        issue_and_verify(&Network::start_by(command, &data), &self.program());
    }

    fn images_are_as_their_containerfiles_say(&self) {
        if !builds_images() {
            return not_checked(
                "the images: buildah is missing, or not run by root; scripts/test installs it",
            );
        }
        let node = self.image("nanotrace-node-");
        assert_eq!(node["User"], "65532:65532");
        assert_eq!(node["Entrypoint"], serde_json::json!(["/usr/bin/nanotrace"]));
        assert_eq!(node["Healthcheck"]["Test"], serde_json::json!(["CMD", "/usr/bin/nanotrace", "status"]));
        assert!(node["Volumes"]["/var/lib/nanotrace"].is_object());
        let chaincode = self.image("nanotrace-chaincode-");
        assert_eq!(chaincode["User"], "65532:65532");
        assert_eq!(chaincode["Cmd"], serde_json::json!(["chaincode"]));
        assert!(chaincode["ExposedPorts"]["9999/tcp"].is_object());
    }

    /// What an image says of how it is run.
    fn image(&self, name: &str) -> Value {
        let folder = self.scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let archive = names.into_iter().find(|path| text(path).contains(name)).unwrap();
        assert_success(&run("tar", &["-xzf", text(&archive), "-C", text(&folder)]));
        let json = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
        let manifest = json(folder.join("manifest.json"));
        json(folder.join(manifest[0]["Config"].as_str().unwrap()))["config"].clone()
    }

    fn sums_are_right(&self) {
        let sums = fs::read_to_string(self.folder.join("SHA256SUMS")).unwrap();
        let released = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let released: Vec<_> = released.filter(|name| name != "images" && name != "SHA256SUMS").collect();
        assert_eq!(sums.lines().count(), released.len(), "{released:?}\n{sums}");
        let mut check = Command::new("sha256sum");
        assert_success(&check.current_dir(&self.folder).args(["--check", "SHA256SUMS"]).output().unwrap());
    }
}

/// Issues a certificate on a network by the program's own commands, and has it verified.
fn issue_and_verify(network: &Network, program: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let key = text(&network.directory().join("demonstration/issuer-key.txt")).to_owned();
    let (draft, signed) = (path("draft.json"), path("signed.json"));
    let nanotrace = |arguments: &[&str]| {
        let mut command = Command::new(program);
        assert_success(&command.args(arguments).env("NANOTRACE_DATA", network.directory()).output().unwrap())
    };
    nanotrace(&["cert", "template", "--demonstration", "--out", &draft]);
    nanotrace(&["cert", "sign", "--key", &key, "--out", &signed, &draft]);
    nanotrace(&["cert", "issue", &signed]);
    assert!(nanotrace(&["cert", "verify", &signed]).contains("VALID"));
    let document: Value = serde_json::from_slice(&fs::read(&signed).unwrap()).unwrap();
    let code = certificate::Code::from_urn(document["id"].as_str().unwrap()).unwrap();
    let (status, answer) = get_with_status(&network.verifier(), &format!("/api/v1/certificates/{code}"));
    assert_eq!(status, 200, "{answer}");
    assert!(nanotrace(&["status"]).contains("nanotrace"));
}

/// The names of the pages for a command and all commands below it, by what its help names.
fn subcommands(program: &Path, path: &mut Vec<String>) -> Vec<String> {
    let help = Command::new(program).args(&path[1..]).arg("-h").output().unwrap();
    let help = assert_success(&help);
    let mut pages = vec![path.join("-")];
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter(|line| line.as_bytes()[2] != b' ');
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        path.push(name.to_owned());
        pages.extend(subcommands(program, path));
        path.pop();
    }
    pages
}

/// An image is built by root alone: others need a range of users of their own, which not every machine gives them.
fn builds_images() -> bool {
    is_installed("buildah") && assert_success(&run("id", &["-u"])).trim() == "0"
}

fn target_directory() -> PathBuf {
    nanotrace().ancestors().nth(2).unwrap().to_owned()
}

fn find(folder: &Path, ending: &str) -> PathBuf {
    let mut names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.find(|path| text(path).ends_with(ending)).unwrap()
}

fn contains(content: &[u8], searched: &[u8]) -> bool {
    content.windows(searched.len()).any(|window| window == searched)
}
