#include "ntpprobe/system_config.hpp"

#include <glob.h>

#include <algorithm>
#include <string_view>

#include "ntpprobe/small_file.hpp"

namespace coord::ntpprobe {
namespace {

constexpr int max_depth = 8;             // of files that include files
constexpr std::size_t max_servers = 64;  // more than anyone configures

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<std::string> words;
  std::size_t at = line.find_first_not_of(blanks);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return words;
}

template <class Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> names;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return names;  // sorted, as the daemons read them
}

class Collector {
 public:
  explicit Collector(std::string root) : root_(std::move(root)) {}

  // chrony.conf(5) and ntp.conf(5) name servers alike.
  void daemon_file(const std::string& file, int depth = 0) {
    const auto text = read_small_file(file);
    if (!text || depth > max_depth) return;
    each_line(*text, [&](std::string_view line) {
      const auto words = words_of(line.substr(0, line.find('#')));
      if (words.size() >= 2 && words[0][0] != '!' && words[0][0] != ';' && words[0][0] != '%')
        directive(words, file, depth);
    });
  }

  // timesyncd.conf(5): later files add to the lists, an empty value empties them.
  void timesyncd() {
    std::vector<std::string> primary;
    std::vector<std::string> fallback;
    std::string primary_file;
    std::string fallback_file;
    std::vector<std::string> files{root_ + "/etc/systemd/timesyncd.conf"};
    for (const char* place : {"/usr/lib", "/run", "/etc"})
      for (const std::string& file : matching(root_ + place + "/systemd/timesyncd.conf.d/*.conf"))
        files.push_back(file);
    files.push_back(root_ + "/run/systemd/netif/state");  // what DHCP said, kept by systemd-networkd
    for (const std::string& file : files) {
      const auto text = read_small_file(file);
      if (!text) continue;
      each_line(*text, [&](std::string_view line) {
        if (line.starts_with("NTP=")) add_words(line.substr(4), file, primary, primary_file);
        if (line.starts_with("FallbackNTP=")) add_words(line.substr(12), file, fallback, fallback_file);
      });
    }
    const bool use_primary = !primary.empty();
    for (const std::string& server : use_primary ? primary : fallback)
      if (auto name = read_server_name(server))
        add(std::move(*name), use_primary ? primary_file : fallback_file);
  }

  bool empty() const { return found_.names.empty(); }
  ConfiguredServers take() { return std::move(found_); }

 private:
  void directive(const std::vector<std::string>& words, const std::string& file, int depth) {
    const std::string& what = words[0];
    if (what == "server" || what == "pool" || what == "peer") {
      server(words, file);
    } else if (what == "include" || what == "includefile") {
      for (const std::string& name : matching(root_ + words[1])) daemon_file(name, depth + 1);
    } else if (what == "confdir" || what == "sourcedir") {
      const char* suffix = what == "confdir" ? "/*.conf" : "/*.sources";
      for (std::size_t i = 1; i < words.size(); ++i)
        for (const std::string& name : matching(root_ + words[i] + suffix)) daemon_file(name, depth + 1);
    }
  }

  void server(const std::vector<std::string>& words, const std::string& file) {
    std::size_t at = 1;
    while (at < words.size() && words[at].starts_with('-')) ++at;         // ntpd's -4 and -6
    if (at >= words.size() || words[at].starts_with("127.127.")) return;  // a reference clock of ntpd's
    auto name = read_server_name(words[at]);
    if (!name) return;
    for (std::size_t i = at + 1; i + 1 < words.size(); ++i) {
      if (words[i] == "port") name->port = read_port(words[i + 1]).value_or(name->port);
    }
    add(std::move(*name), file);
  }

  static void add_words(std::string_view value, const std::string& file, std::vector<std::string>& list,
                        std::string& source) {
    const auto words = words_of(value);
    if (words.empty()) list.clear();
    if (!words.empty() && list.empty()) source = file;
    list.insert(list.end(), words.begin(), words.end());
  }

  void add(ServerName name, const std::string& file) {
    const auto& names = found_.names;
    if (names.size() >= max_servers || std::find(names.begin(), names.end(), name) != names.end()) return;
    if (names.empty()) found_.source = file;
    found_.names.push_back(std::move(name));
  }

  std::string root_;
  ConfiguredServers found_;
};

}  // namespace

ConfiguredServers configured_servers(const std::string& root) {
  Collector collector(root);
  for (const char* file :
       {"/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntpsec/ntp.conf", "/etc/ntp.conf"}) {
    collector.daemon_file(root + file);
    if (!collector.empty()) return collector.take();
  }
  collector.timesyncd();
  return collector.take();
}

}  // namespace coord::ntpprobe
