// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/common.hpp"
#include "cli/config.hpp"

using namespace coord;
using namespace coord::cli;
using namespace std::chrono_literals;

namespace {

struct Daemon {
  std::vector<std::string> peers;
  std::string name;
  Duration heartbeat{};
  int limit = 0;
  bool syslog = false;
  Options o{"coordd", "the peer"};
  std::string directory =
      std::filesystem::temp_directory_path() / ("coord-config." + std::to_string(::getpid()));
  std::string path = directory + "/coordutils/coordd.toml";

  Daemon() {
    std::filesystem::create_directories(directory + "/coordutils");
    o.value("--peers", "LIST", peers, "peers");
    o.value("--name", "NAME", name, "name");
    o.value("--heart-beat", "SECONDS", heartbeat, "heartbeat");
    o.value("--limit", "N", limit, "limit").between(1, 10);
    o.flag("--syslog", syslog, "log there");
    CHECK(o.parse({"--name", "given"}).ok());
  }
  ~Daemon() { std::filesystem::remove_all(directory); }

  std::string load(const std::string& text) {
    std::ofstream(path) << text;
    const Status loaded = load_config(o, path);
    if (loaded) return "";
    CHECK(loaded.error().kind == ErrorKind::unavailable);
    const std::string message = loaded.error().text();
    CHECK(message.starts_with(path));
    return message.substr(std::min(path.size(), message.size()));
  }
};

}  // namespace

TEST_CASE("a configuration gives options their values, the command line wins") {
  Daemon d;
  CHECK(
      d.load(
          "peers = [\"a=h:1\", \"b=h:2\"]\nname = \"file\"\nheart_beat = 0.05\nlimit = 7\nsyslog = true\n") ==
      "");
  CHECK(d.peers == std::vector<std::string>{"a=h:1", "b=h:2"});
  CHECK(d.name == "given");
  CHECK(d.heartbeat == 50ms);
  CHECK(d.limit == 7);
  CHECK(d.syslog);
}

TEST_CASE("whatever is wrong in a configuration is said with its line and never skipped") {
  CHECK(Daemon().load("\nnmae = 1\n") == ":2: nmae: unknown key: did you mean name?");
  CHECK(Daemon().load("heart-beat = 1").ends_with("unknown key: did you mean heart_beat?"));
  CHECK(Daemon().load("colour = 1") ==
        ":1: colour: unknown key: keys are the long options of coordd with _ for -");
  CHECK(Daemon().load("limit = 70") == ":1: limit: '70' is out of range: give 1 to 10");
  CHECK(Daemon().load("heart_beat = \"soon\"") ==
        ":1: heart_beat: 'soon' is not a number of seconds: give seconds, e.g. 2 or 0.25, or a unit: 250ms, "
        "10s, 5m, 1h, 2d");
  CHECK(Daemon().load("syslog = \"maybe\"") == ":1: syslog: 'maybe' is not known: give true or false");
  CHECK(Daemon().load("[section]\nlimit = 1\n") ==
        ":1: section: is no text, number or truth value: tables and dates are not used");
  CHECK(Daemon().load("limit = = 3").starts_with(":1: "));
  CHECK(Daemon().load("limit = 1\nlimit = 2\n").starts_with(":2: "));
  CHECK(Daemon().load("name = \"\xff\"\n").starts_with(":1: "));
  CHECK(Daemon().load(std::string(2U << 20U, '#')) == ": is larger than 1 MiB: is it the right file?");
  Daemon d;
  CHECK(load_config(d.o, d.directory + "/none").error().kind == ErrorKind::unavailable);
  CHECK(load_config(d.o, d.directory).error().kind == ErrorKind::unavailable);
}

TEST_CASE("a configuration that others can write, or another user's, is not believed") {
  Daemon d;
  CHECK(d.load("limit = 2\n") == "");
  for (const mode_t mode : {0620, 0602, 0666}) {
    REQUIRE(::chmod(d.path.c_str(), mode) == 0);
    CHECK(d.load("limit = 3\n") == ": others may write to it: chmod go-w " + d.path);
  }
  CHECK(d.limit == 2);
  if (::geteuid() != 0) return;
  REQUIRE(::chmod(d.path.c_str(), 0644) == 0);
  REQUIRE(::chown(d.path.c_str(), 65534, 65534) == 0);
  CHECK(d.load("limit = 3\n") ==
        ": it belongs to another user (uid 65534): use one of your own or root's: under sudo, sudo -H");
  CHECK(d.limit == 2);
}

TEST_CASE("the configuration that counts: given, the user's, the system's") {
  Daemon d;
  CHECK(find_config("/given") == "/given");
  ::setenv("XDG_CONFIG_HOME", d.directory.c_str(), 1);
  CHECK(find_config("") != d.path);
  std::ofstream(d.path) << "";
  CHECK(find_config("") == d.path);
  ::setenv("XDG_CONFIG_HOME", "relative", 1);  // the specification says to ignore it
  ::setenv("HOME", d.directory.c_str(), 1);
  CHECK(find_config("") != d.path);
  ::unsetenv("XDG_CONFIG_HOME");
}

TEST_CASE("common options read their environment, a report that cannot be written is an output error") {
  ConnectOptions peer;
  OutputOptions output;
  Options o("dlock", "lock");
  add_peer_options(o, peer);
  add_output_options(o, output);
  add_report_option(o, output);
  ::setenv("COORD_SOCKET", "/run/x", 1);
  ::setenv("COORD_AUTOSTART", "no", 1);
  ::setenv("COORD_SCOPE", "cluster", 1);
  CHECK(o.parse({"--json", "-q", "--report", "r"}).ok());
  for (const char* name : {"COORD_SOCKET", "COORD_AUTOSTART", "COORD_SCOPE"}) ::unsetenv(name);
  CHECK((peer.socket == "/run/x" && peer.no_autostart && peer.scope == Scope::cluster));
  CHECK((output.json && output.quiet && output.report == "r"));

  Daemon d;
  const std::string file = d.directory + "/report";
  CHECK(write_report(file, JsonObject().text("outcome", "ran")).ok());
  std::ifstream in(file);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "{\"schema\":1,\"outcome\":\"ran\"}\n");
  CHECK(write_report("/dev/full", JsonObject()).error().kind == ErrorKind::output);
  CHECK(write_report(d.directory + "/no/where", JsonObject()).error().kind == ErrorKind::output);
}
