//! What most scenes begin with: a world, a server, two or three people, a case.

use alcove_tests::{
    faults::Proxy,
    world::{Server, Staff, World, path},
};
use std::{fs, path::Path};

/// The title of every scene's case.
pub(crate) const CASE: &str = "QUIET-MAPLE-07";

/// A world with a server behind a proxy, and two enrolled people of two agencies.
pub(crate) struct Scene {
    pub(crate) rosa: Staff,
    pub(crate) leon: Staff,
    pub(crate) proxy: Proxy,
    pub(crate) server: Server,
    pub(crate) world: World,
}

impl Scene {
    /// Rosa of Harborlight and Leon of Northmark Child Protection, no case yet.
    pub(crate) fn new() -> Self {
        let world = World::new();
        let server = world.start_server();
        let proxy = Proxy::new(server.address());
        let rosa = world.enrol("harborlight", "Rosa Iglesias-Peña", "case manager", proxy.address());
        let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", proxy.address());
        Self { rosa, leon, proxy, server, world }
    }

    /// The same with a case of both.
    pub(crate) fn with_case() -> Self {
        let scene = Self::new();
        // Leon's first contact publishes his key packages, so that he can be added.
        scene.leon.run(["status", "--json"]).success();
        scene.rosa.run(["case", "new", CASE, "--json"]).success();
        scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
        scene.leon.accept_from(&scene.rosa);
        scene
    }

    /// Hannah of Elmgate, enrolled and known to the server.
    pub(crate) fn hannah(&self) -> Staff {
        let hannah = self.world.enrol("elmgate", "Hannah Kessler", "counselor", self.proxy.address());
        hannah.run(["status", "--json"]).success();
        hannah
    }

    /// Another laptop of Leon's, enrolled by his agency for this device of his: the first one anew, or a further one.
    pub(crate) fn another_laptop_of_leon(&self, device: u16) -> Staff {
        let ca = self.world.agency_folder("childprotection");
        self.laptop_in_leons_name("staff/another", device, &ca)
    }

    /// The same with its vault in the folder `home` of the world, certified by whoever holds this copy of his agency's CA.
    pub(crate) fn laptop_in_leons_name(&self, home: &str, device: u16, ca: &Path) -> Staff {
        let handle = self.leon.handle();
        let laptop = Staff { home: self.world.path(home), ..self.leon.clone() };
        fs::create_dir_all(&laptop.home).expect("a home can be made");
        let (request, answer) = (laptop.home.join("another.req"), laptop.home.join("another.cert"));
        laptop.run(["enrol", "request", "-o", path(&request)]).success();
        let (charter, server, device) =
            (self.world.charter(), self.proxy.address().to_string(), device.to_string());
        let issue = ["issue", path(&request), "--ca", path(ca), "--charter", path(&charter)];
        let who = ["--handle", &handle, "--device", &device, "--name", "Leon Baptiste"];
        let more = ["--role", "child-safety worker", "--server", &server, "-o", path(&answer)];
        self.world.certs(issue.into_iter().chain(who).chain(more)).success();
        laptop.run(["enrol", "finish", path(&answer)]).success();
        laptop
    }

    /// SIGKILL and a new start with more lines of configuration; people reach the new port through the proxy.
    pub(crate) fn restart_server_with(&mut self, configuration: &str) {
        self.server.kill();
        self.server = self.world.start_server_with(configuration);
        self.proxy.retarget(self.server.address());
    }

    /// SIGKILL and a new start; people reach the new port through the proxy.
    pub(crate) fn kill_and_restart_server(&mut self) {
        self.server.kill_and_restart();
        self.proxy.retarget(self.server.address());
    }
}

/// Writes a note; returns its id.
#[track_caller]
pub(crate) fn write(writer: &Staff, text: &str) -> String {
    let run = writer.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text);
    run.outcome().success().json()["id"].as_str().expect("a note has an id").to_owned()
}

/// The texts of the notes somebody sees, in order.
#[track_caller]
pub(crate) fn texts(reader: &Staff) -> Vec<String> {
    let notes = reader.json_lines(["note", "list", CASE]);
    notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
}

/// The id of the document somebody sees under this name.
#[track_caller]
pub(crate) fn document(reader: &Staff, name: &str) -> String {
    let documents = reader.json_lines(["doc", "list", CASE]);
    let found = documents.iter().find(|document| document["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{} does not see {name}: {documents:?}", reader.name));
    found["id"].as_str().expect("a document has an id").to_owned()
}
