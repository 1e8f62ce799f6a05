// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/random.hpp"
#include "ntpprobe/system_config.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::ntpprobe;

namespace {

struct File {
  std::string name;
  std::string text;
};

// "host:port host/4 host/6", and behind | the file below the root that named the first. "/dev/null" as a text
// makes the file a link to it.
std::string servers_in(const std::vector<File>& files) {
  const TemporaryDirectory root;
  for (const File& file : files) {
    const std::filesystem::path full = root.path() + file.name;
    std::filesystem::create_directories(full.parent_path());
    if (file.text == "/dev/null") {
      std::filesystem::create_symlink(file.text, full);
    } else {
      std::ofstream(full) << file.text;
    }
  }
  const ConfiguredServers found = configured_servers(root.path());
  std::string text;
  for (const ServerName& name : found.names) {
    text += display(name);
    if (name.family != Family::any) text += name.family == Family::ipv4 ? "/4" : "/6";
    text += ' ';
  }
  const bool in_root = found.source.starts_with(root.path());
  return text + "| " + (in_root ? found.source.substr(root.path().size()) : found.source);
}

struct Row {
  const char* what;
  std::vector<File> files;
  const char* servers;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(servers_in(row.files) == row.servers);
  }
}

const char* const chrony = "/etc/chrony/chrony.conf";
const char* const ntpsec = "/etc/ntpsec/ntp.conf";
const char* const timesyncd = "/etc/systemd/timesyncd.conf";
const char* const upstream =
    "time1.google.com time2.google.com time3.google.com time4.google.com | systemd-timesyncd's built-in list";

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

TEST_CASE("no configuration, no servers, then chrony's, else ntpd's, else timesyncd's") {
  check_rows({
      {"nothing", {}, "| "},
      {"chrony first", {{chrony, "server a\n"}, {ntpsec, "server b\n"}}, "a | /etc/chrony/chrony.conf"},
      {"its other place", {{"/etc/chrony.conf", "server a\n"}}, "a | /etc/chrony.conf"},
      {"ntpsec before classic",
       {{"/etc/ntp.conf", "server a\n"}, {ntpsec, "server b\n"}},
       "b | /etc/ntpsec/ntp.conf"},
      {"one that names nobody",
       {{chrony, "rtcsync\n"}, {timesyncd, "[Time]\nNTP=c\n"}},
       "c | /etc/systemd/timesyncd.conf"},
  });
}

TEST_CASE("chrony.conf(5)") {
  check_rows({
      {"servers, pools and peers",
       {{chrony, "server a iburst\npool b maxsources 4\npeer c\nserver a\n"}},
       "a b c | /etc/chrony/chrony.conf"},
      {"directives and options in any case",
       {{chrony, "Server a PORT 1123\nSERVER b\npOOl c Offline\n"}},
       "a:1123 b | /etc/chrony/chrony.conf"},
      {"white space of all kinds",
       {{chrony, " \tserver\t a  \v port \t 1123\r\n"}},
       "a:1123 | /etc/chrony/chrony.conf"},
      {"comment lines",
       {{chrony, "# server a\n! server b\n ; server c\n\t%server d\n#server e\nserver f\n"}},
       "f | /etc/chrony/chrony.conf"},
      {"what a line lacks",
       {{chrony, "server\nserver \npool\ninclude\nconfdir\nserver a port\nserver b port x\n"}},
       "a b | /etc/chrony/chrony.conf"},
      {"other directives with servers in them",
       {{chrony, "initstepslew 10 a\nrefclock SHM 0\nserver b\n"}},
       "b | /etc/chrony/chrony.conf"},
      {"families", {{chrony, "server a ipv4\npool b IPv6\n"}}, "a/4 b/6 | /etc/chrony/chrony.conf"},
      {"no newline at the end", {{chrony, "server a"}}, "a | /etc/chrony/chrony.conf"},
      {"offline: not asked", {{chrony, "server a offline\nserver b\n"}}, "b | /etc/chrony/chrony.conf"},
      {"offline all: brought online by whoever connects this host",
       {{chrony, "server a offline\n"}},
       "a | /etc/chrony/chrony.conf"},
      {"include: files by a pattern",
       {{chrony, "Include /etc/chrony/more/*.x\nserver z\n"},
        {"/etc/chrony/more/b.x", "server b\n"},
        {"/etc/chrony/more/a.x", "server a\n"},
        {"/etc/chrony/more/c.y", "server c\n"}},
       "a b z | /etc/chrony/more/a.x"},
      {"include: a relative path is the daemon's, from /",
       {{chrony, "include etc/x.conf\n"}, {"/etc/x.conf", "server a\n"}},
       "a | /etc/x.conf"},
      {"confdir: by file name, the first directory's where two have it",
       {{chrony, "confdir /etc/one /etc/two\n"},
        {"/etc/one/b.conf", "server one-b\n"},
        {"/etc/two/b.conf", "server two-b\n"},
        {"/etc/two/a.conf", "server two-a\n"},
        {"/etc/one/c.sources", "server one-c\n"},
        {"/etc/one/.d.conf", "server hidden\n"}},
       "two-a one-b | /etc/two/a.conf"},
      {"confdir: ten directories and no more",
       {{chrony, "confdir /1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11\n"},
        {"/10/a.conf", "server a\n"},
        {"/11/b.conf", "server b\n"}},
       "a | /10/a.conf"},
      {"sourcedir: sources only, and whole lines only",
       {{chrony, "SourceDir /run/dhcp /etc/s\n"},
        {"/run/dhcp/eth0.sources", "server dhcp\ninclude /etc/x.conf\nserver half-writ"},
        {"/etc/s/eth0.sources", "server hidden-by-name\n"},
        {"/etc/s/x.sources", "Pool b\n"},
        {"/etc/s/y.conf", "server not-read\n"},
        {"/etc/x.conf", "server not-read-either\n"}},
       "dhcp b | /run/dhcp/eth0.sources"},
      {"a file that includes itself ends",
       {{chrony, "include /etc/chrony/*.conf\ninclude /etc/chrony/*.conf\nserver a\n"}},
       "a | /etc/chrony/chrony.conf"},
      {"a directory is no file",
       {{chrony, "include /etc\ninclude /etc/chrony\nserver a\n"}},
       "a | /etc/chrony/chrony.conf"},
  });
}

TEST_CASE("ntp.conf(5) of NTPsec and of the NTP project") {
  check_rows({
      {"servers, pools and peers",
       {{ntpsec, "driftfile /x\nserver a prefer\npool b iburst\npeer c\n"}},
       "a b c | /etc/ntpsec/ntp.conf"},
      {"keywords are in small letters",
       {{ntpsec, "Server a\nSERVER b\nserver c\n"}},
       "c | /etc/ntpsec/ntp.conf"},
      {"# ends a line wherever it stands",
       {{ntpsec, "server a#b\nserver c # d\n#server e\n"}},
       "a c | /etc/ntpsec/ntp.conf"},
      {"other signs begin no comment",
       {{ntpsec, "! server a\n;server b\nserver c\n"}},
       "c | /etc/ntpsec/ntp.conf"},
      {"quotes",
       {{ntpsec, "server \"a\" iburst\nserver \"b\nincludefile \"/etc/my file\"\n"},
        {"/etc/my file", "server c\n"}},
       "a b c | /etc/ntpsec/ntp.conf"},
      {"commands are not continued",
       {{ntpsec, "server a \\\n  iburst\nserver\n  b\nserver c\n"}},
       "c | /etc/ntpsec/ntp.conf"},
      {"families",
       {{ntpsec, "server -4 a\npool -6 b\nserver --ipv4 c\nserver --ipv6 d\nserver -4\n"}},
       "a/4 b/6 c/4 d/6 | /etc/ntpsec/ntp.conf"},
      {"addresses",
       {{ntpsec, "server [2001:db8::1] iburst\nserver [fe80::1]%lo\nserver 192.0.2.1\n"}},
       "2001:db8::1 fe80::1%lo 192.0.2.1 | /etc/ntpsec/ntp.conf"},
      {"an address of NTS has the port of the key exchange",
       {{ntpsec, "server a:4460 nts\n"}},
       "a | /etc/ntpsec/ntp.conf"},
      {"reference clocks",
       {{ntpsec, "server 127.127.20.0\nrefclock shm unit 0\nserver a\n"}},
       "a | /etc/ntpsec/ntp.conf"},
      {"unpeer, wherever it stands",
       {{ntpsec,
         "unpeer c\nserver a\nserver b\nunpeer A\nserver c\nserver [::1]\nunpeer ::1\nunpeer 4711\n"}},
       "b | /etc/ntpsec/ntp.conf"},
      {"ntp.d beside it, after it, by name",
       {{ntpsec, "server z\n"},
        {"/etc/ntpsec/ntp.d/b.conf", "server b\n"},
        {"/etc/ntpsec/ntp.d/a.conf", "server a\n"},
        {"/etc/ntpsec/ntp.d/c.txt", "server c\n"}},
       "z a b | /etc/ntpsec/ntp.conf"},
      {"ntp.d alone, and unpeer from it",
       {{"/etc/ntp.d/x.conf", "server a\nserver b\nunpeer b\n"}},
       "a | /etc/ntp.d/x.conf"},
      {"includefile: a file, also by a relative path",
       {{ntpsec, "includefile more/x\nincludefile /etc/y\nincludefile nowhere\nserver z\n"},
        {"/etc/ntpsec/more/x", "server x\nincludefile w\n"},
        {"/etc/ntpsec/more/w", "server w\n"},
        {"/etc/y", "server y\n"}},
       "x w y z | /etc/ntpsec/more/x"},
      {"includefile: a directory is all its .conf files",
       {{ntpsec, "includefile more\nserver z\n"},
        {"/etc/ntpsec/more/b.conf", "server b\n"},
        {"/etc/ntpsec/more/a.conf", "server a\n"},
        {"/etc/ntpsec/more/c", "server c\n"}},
       "a b z | /etc/ntpsec/more/a.conf"},
      {"include is chrony's word",
       {{ntpsec, "include /etc/y\nserver a\n"}, {"/etc/y", "server y\n"}},
       "a | /etc/ntpsec/ntp.conf"},
      {"a file that includes itself ends",
       {{ntpsec, "server a\nincludefile .\nincludefile ntp.conf\n"}},
       "a | /etc/ntpsec/ntp.conf"},
  });
}

TEST_CASE("timesyncd.conf(5)") {
  check_rows({
      {"a list", {{timesyncd, "[Time]\nNTP=a b\nNTP=c\n"}}, "a b c | /etc/systemd/timesyncd.conf"},
      {"blanks around = and before the line",
       {{timesyncd, "[Time]\n \tNTP \t=\t a  b \r\n"}},
       "a b | /etc/systemd/timesyncd.conf"},
      {"keys have their case",
       {{timesyncd, "[Time]\nntp=a\nNtp=b\nNTP=c\n"}},
       "c | /etc/systemd/timesyncd.conf"},
      {"comments", {{timesyncd, "[Time]\n#NTP=a\n ;NTP=b\nNTP=c\n"}}, "c | /etc/systemd/timesyncd.conf"},
      {"continued lines, a comment between them",
       {{timesyncd, "[Time]\nNTP=a \\\n  b\\\n# d\n\t; e \\\nc\nFallbackNTP=f\n"}},
       "a b c | /etc/systemd/timesyncd.conf"},
      {"a continued line at the end", {{timesyncd, "[Time]\nNTP=a \\"}}, "a | /etc/systemd/timesyncd.conf"},
      {"a comment is not continued",
       {{timesyncd, "[Time]\n# x \\\nNTP=a\n"}},
       "a | /etc/systemd/timesyncd.conf"},
      {"other sections",
       {{timesyncd, "[Tim]\nNTP=a\n[Time]\nNTP=b\n[Time ]\nNTP=c\n"}},
       "b | /etc/systemd/timesyncd.conf"},
      {"a byte order mark", {{timesyncd, "\xef\xbb\xbf[Time]\nNTP=a\n"}}, "a | /etc/systemd/timesyncd.conf"},
      {"an empty value empties",
       {{timesyncd, "[Time]\nNTP=a\nNTP=\nNTP=b\n"}},
       "b | /etc/systemd/timesyncd.conf"},
      {"the first main file counts",
       {{"/usr/lib/systemd/timesyncd.conf", "[Time]\nNTP=vendor\n"},
        {"/run/systemd/timesyncd.conf", "[Time]\nNTP=a\n"}},
       "a | /run/systemd/timesyncd.conf"},
      {"drop-ins: by name over all directories, after the main file",
       {{timesyncd, "[Time]\nNTP=main\n"},
        {"/etc/systemd/timesyncd.conf.d/10.conf", "[Time]\nNTP=e\n"},
        {"/run/systemd/timesyncd.conf.d/05.conf", "[Time]\nNTP=r\n"},
        {"/usr/local/lib/systemd/timesyncd.conf.d/20.conf", "[Time]\nNTP=l\n"},
        {"/usr/lib/systemd/timesyncd.conf.d/15.conf", "[Time]\nNTP=u\n"},
        {"/etc/systemd/timesyncd.conf.d/30.txt", "[Time]\nNTP=x\n"}},
       "main r e u l | /etc/systemd/timesyncd.conf"},
      {"drop-ins: of one name the administrator's, /dev/null for none",
       {{"/etc/systemd/timesyncd.conf.d/10.conf", "[Time]\nNTP=e\n"},
        {"/usr/lib/systemd/timesyncd.conf.d/10.conf", "[Time]\nNTP=u\n"},
        {"/etc/systemd/timesyncd.conf.d/20.conf", "/dev/null"},
        {"/usr/lib/systemd/timesyncd.conf.d/20.conf", "[Time]\nNTP=masked\n"}},
       "e | /etc/systemd/timesyncd.conf.d/10.conf"},
      {"drop-ins: a later empty value empties",
       {{timesyncd, "[Time]\nNTP=main\n"},
        {"/etc/systemd/timesyncd.conf.d/20.conf", "[Time]\nNTP=\nNTP=c\n"}},
       "c | /etc/systemd/timesyncd.conf.d/20.conf"},
      {"DHCP's servers come on top, and empty nothing",
       {{timesyncd, "[Time]\nNTP=a\n"}, {"/run/systemd/netif/state", "OPER_STATE=routable\nNTP=\nNTP=d\n"}},
       "a d | /etc/systemd/timesyncd.conf"},
      {"DHCP's servers alone",
       {{"/run/systemd/netif/state", "NTP=d\n"}, {timesyncd, "[Time]\nFallbackNTP=f\n"}},
       "d | /run/systemd/netif/state"},
      {"fallback", {{timesyncd, "[Time]\nFallbackNTP = f g\n"}}, "f g | /etc/systemd/timesyncd.conf"},
      {"fallback is for who has no other",
       {{timesyncd, "[Time]\nFallbackNTP=f\nNTP=a\n"}},
       "a | /etc/systemd/timesyncd.conf"},
  });
}

TEST_CASE("any text is read to its end") {
  const char* const pieces[] = {"server ",
                                "Pool ",
                                "a",
                                "[",
                                "]",
                                "%",
                                ":",
                                "\\",
                                "\n",
                                " ",
                                "=",
                                "NTP",
                                "#",
                                "\"",
                                "FallbackNTP=",
                                "[Time]\n",
                                "include ",
                                "confdir ",
                                "sourcedir ",
                                "includefile ",
                                "/etc/*",
                                "/etc/ntpsec",
                                "unpeer ",
                                "port ",
                                "-4 ",
                                "\r",
                                ";"};
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::uint64_t n = random.below(60); n > 0; --n) text += pieces[random.below(std::size(pieces))];
    CAPTURE(text);
    const std::string all = servers_in({{chrony, text}, {ntpsec, text}, {timesyncd, text}});
    CHECK(std::count(all.begin(), all.end(), ' ') <= 66);
    CHECK(all.find('\n') == std::string::npos);
  }
}

TEST_CASE("a named pipe is not waited for") {
  const TemporaryDirectory root;
  std::filesystem::create_directories(root.path() + "/etc/chrony");
  REQUIRE(mkfifo((root.path() + "/etc/chrony/chrony.conf").c_str(), 0600) == 0);
  CHECK(configured_servers(root.path()).names.empty());
}

TEST_CASE("timesyncd's built-in fallback servers") {
  check_rows({
      {"as the shipped file shows them",
       {{timesyncd, "[Time]\n#NTP=\n#FallbackNTP=0.x.org 1.x.org\n"}},
       "0.x.org 1.x.org | systemd-timesyncd's built-in list"},
      {"the vendor's file knows better",
       {{timesyncd, "[Time]\n#FallbackNTP=mine\n"},
        {"/usr/lib/systemd/timesyncd.conf", "[Time]\n# FallbackNTP = theirs\n"}},
       "theirs | systemd-timesyncd's built-in list"},
      {"shown nowhere", {{timesyncd, "[Time]\n"}}, upstream},
      {"installed without a file", {{"/usr/lib/systemd/systemd-timesyncd", "x"}}, upstream},
      {"in its old place", {{"/lib/systemd/systemd-timesyncd", "x"}}, upstream},
      {"an empty value: none", {{timesyncd, "[Time]\n#FallbackNTP=x\nFallbackNTP=\n"}}, "| "},
      {"others are configured", {{timesyncd, "[Time]\nNTP=a\n"}}, "a | /etc/systemd/timesyncd.conf"},
  });
}
