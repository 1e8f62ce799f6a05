#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "ntpprobe/system_config.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::ntpprobe;

namespace {

// A directory that stands for /, gone at the end.
class Root {
 public:
  void file(const std::string& name, const std::string& text) const {
    const std::filesystem::path full = directory_.path() + name;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  // "host:port host", and behind | the file below the root.
  std::string servers() const {
    const ConfiguredServers found = configured_servers(directory_.path());
    std::string text;
    for (const ServerName& name : found.names) text += display(name) + " ";
    return text + "| " + (found.source.empty() ? "" : found.source.substr(directory_.path().size()));
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("SERVER[:PORT]") {
  struct Row {
    const char* text;
    const char* host;
    int port;  // 0: an error
  };
  const Row rows[] = {
      {"ntp1", "ntp1", 123},
      {"ntp1:1234", "ntp1", 1234},
      {"192.0.2.1:65535", "192.0.2.1", 65535},
      {"2001:db8::1", "2001:db8::1", 123},
      {"[2001:db8::1]", "2001:db8::1", 123},
      {"[2001:db8::1]:99", "2001:db8::1", 99},
      {"", "", 0},
      {":123", "", 0},
      {"ntp1:", "", 0},
      {"ntp1:0", "", 0},
      {"ntp1:65536", "", 0},
      {"ntp1:99999999999999999999", "", 0},
      {"ntp1:12x", "", 0},
      {"[::1", "", 0},
      {"[::1]x", "", 0},
      {"[]", "", 0},
      {"a b", "", 0},
      {"a\nb", "", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto name = read_server_name(row.text);
    REQUIRE(name.ok() == (row.port != 0));
    if (!name) continue;
    CHECK(name->host == row.host);
    CHECK(name->port == row.port);
    CHECK(*read_server_name(display(*name)) == *name);
  }
  CHECK_FALSE(read_server_name(std::string(254, 'a')));
}

TEST_CASE("no configuration, no servers") {
  const Root root;
  CHECK(root.servers() == "| ");
}

TEST_CASE("chrony's servers, pools and included files") {
  const Root root;
  root.file(
      "/etc/chrony/chrony.conf",
      "# server commented.example\n! server too.example\nserver ntp1 iburst\npool pool.example maxsources 4\n"
      "server ntp2 port 1123 key 5\nserver ntp1\nserver\nrefclock SHM 0\n"
      "confdir /etc/chrony/conf.d\nsourcedir /run/chrony-dhcp /etc/chrony/sources.d\n");
  root.file("/etc/chrony/conf.d/b.conf", "server from-b\n");
  root.file("/etc/chrony/conf.d/a.conf", "peer from-a\n");
  root.file("/etc/chrony/conf.d/c.other", "server not-read\n");
  root.file("/etc/chrony/sources.d/x.sources", "server from-sources\n");
  root.file("/etc/systemd/timesyncd.conf", "[Time]\nNTP=not-asked\n");
  CHECK(root.servers() == "ntp1 pool.example ntp2:1123 from-a from-b from-sources | /etc/chrony/chrony.conf");
}

TEST_CASE("files that include themselves end") {
  const Root root;
  root.file("/etc/chrony/chrony.conf", "include /etc/chrony/chrony.conf\nserver ntp1\n");
  CHECK(root.servers() == "ntp1 | /etc/chrony/chrony.conf");
}

TEST_CASE("ntpsec's servers, without its reference clocks") {
  const Root root;
  root.file("/etc/ntpsec/ntp.conf",
            "driftfile /x\nserver -4 ntp1 prefer\nserver 127.127.20.0\npool pool.example iburst # c\n");
  CHECK(root.servers() == "ntp1 pool.example | /etc/ntpsec/ntp.conf");
}

TEST_CASE(
    "timesyncd's lists: drop-ins add, an empty value empties, fallback only where there is nothing else") {
  const Root root;
  root.file("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=commented\nFallbackNTP=f1 f2\n");
  CHECK(root.servers() == "f1 f2 | /etc/systemd/timesyncd.conf");
  root.file("/run/systemd/netif/state", "OPER_STATE=routable\nNTP=from-dhcp\n");
  CHECK(root.servers() == "from-dhcp | /run/systemd/netif/state");
  root.file("/etc/systemd/timesyncd.conf.d/10.conf", "NTP=a b\n");
  root.file("/etc/systemd/timesyncd.conf.d/20.conf", "NTP=\nNTP=c\n");
  CHECK(root.servers() == "c from-dhcp | /etc/systemd/timesyncd.conf.d/20.conf");
}
