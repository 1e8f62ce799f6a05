// SPDX-License-Identifier: MIT
// timesyncd.conf(5), in the syntax of systemd.syntax(7): the main file, then the drop-ins of four directories
// in the order of their names, a later file adding to the lists and an empty value emptying them; then what
// DHCP said. Without all that, the fallback servers.
#include <algorithm>
#include <filesystem>

#include "base/format.hpp"
#include "ntpprobe/config_readers.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::string_view comment_signs = "#;";
// From the administrator's to the vendor's: of files with one name the first counts.
constexpr const char* places[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib"};
constexpr const char* programs[] = {"/usr/lib/systemd/systemd-timesyncd", "/lib/systemd/systemd-timesyncd"};
// What systemd is built with where a distribution does not choose others.
constexpr std::string_view upstream_servers =
    "time1.google.com time2.google.com time3.google.com time4.google.com";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

bool is_comment(std::string_view line) {
  const std::string_view rest = trimmed(line);
  return !rest.empty() && comment_signs.find(rest.front()) != std::string_view::npos;
}

// A backslash at the end that is not itself escaped.
bool goes_on(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1;
}

// Lines as systemd reads them: comments and blank lines left out, continued ones joined by a blank.
std::vector<std::string> logical_lines(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::vector<std::string> lines;
  std::string line;
  for (std::string_view raw : lines_of(text)) {
    if (is_comment(raw)) continue;  // also between continued lines
    if (raw.ends_with('\r')) raw.remove_suffix(1);
    line += raw;
    if (goes_on(line)) {
      line.back() = ' ';
      continue;
    }
    lines.push_back(std::move(line));
    line.clear();
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

// KEY = VALUE. False: it is something else.
bool split(std::string_view line, std::string_view& key, std::string_view& value) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  key = trimmed(line.substr(0, equals));
  value = trimmed(line.substr(equals + 1));
  return true;
}

struct List {
  std::vector<std::string> words;
  std::string file;  // that named the first of them
  bool given = false;

  void add(std::string_view value, const std::string& from) {
    const auto more = words_of(value);
    if (!more.empty() && words.empty()) file = from;
    words.insert(words.end(), more.begin(), more.end());
  }
  void assign(std::string_view value, const std::string& from) {
    given = true;
    if (value.empty()) words.clear();
    add(value, from);
  }
};

class TimesyncdReader {
 public:
  explicit TimesyncdReader(const std::string& root) : root_(root), files_(root) {}

  ConfiguredServers read() {
    main_file();
    std::vector<std::string> directories;
    for (const char* place : places)
      directories.push_back(fmt::format("{}{}/systemd/timesyncd.conf.d", root_, place));
    for (const std::string& file : drop_ins(directories, ".conf")) configuration(file);
    networkd();
    if (!primary_.words.empty()) return servers(primary_);
    if (!fallback_.given) fallback_ = built_in();
    return servers(fallback_);
  }

 private:
  void main_file() {
    for (const char* place : places)
      if (configuration(fmt::format("{}{}/systemd/timesyncd.conf", root_, place))) return;
  }

  // What stands before any section is taken as well, though systemd would complain.
  bool configuration(const std::string& file) {
    const auto text = files_.read(file);
    if (!text) return false;
    installed_ = true;
    bool in_section = true;
    for (const std::string& line : logical_lines(*text)) {
      const std::string_view rest = trimmed(line);
      if (rest.starts_with('[')) in_section = rest == "[Time]";
      std::string_view key, value;
      if (!in_section || rest.starts_with('[') || !split(rest, key, value)) continue;
      if (key == "NTP") primary_.assign(value, file);
      if (key == "FallbackNTP") fallback_.assign(value, file);
    }
    return true;
  }

  // systemd-networkd's state: the servers that DHCP named. They come on top of the configured ones.
  void networkd() {
    const std::string file = fmt::format("{}/run/systemd/netif/state", root_);
    const auto text = files_.read(file);
    if (!text) return;
    for (const std::string_view line : lines_of(*text)) {
      std::string_view key, value;
      if (split(line, key, value) && key == "NTP") primary_.add(value, file);
    }
  }

  // The main file as it is shipped shows the built-in defaults as comments. No list where
  // timesyncd is not installed.
  List built_in() {
    List list;
    for (auto place = std::rbegin(places); place != std::rend(places) && list.words.empty(); ++place) {
      const auto text = files_.read(fmt::format("{}{}/systemd/timesyncd.conf", root_, *place));
      for (std::string_view line : text ? lines_of(*text) : std::vector<std::string_view>()) {
        if (!is_comment(line)) continue;
        line = trimmed(line).substr(1);
        std::string_view key, value;
        if (split(line, key, value) && key == "FallbackNTP") list.add(value, source_text);
      }
    }
    const bool known = !list.words.empty();
    const bool has_program = std::any_of(std::begin(programs), std::end(programs), [&](const char* program) {
      std::error_code unknown;
      return std::filesystem::exists(root_ + program, unknown);
    });
    if (!known && (installed_ || has_program)) list.add(upstream_servers, source_text);
    return list;
  }

  static ConfiguredServers servers(const List& list) {
    ServerList servers;
    for (const std::string& word : list.words)
      if (auto name = read_server_name(word)) servers.add(std::move(*name), list.file);
    return servers.take();
  }

  static constexpr const char* source_text = "systemd-timesyncd's built-in list";

  std::string root_;
  ConfigFiles files_;
  List primary_, fallback_;
  bool installed_ = false;
};

}  // namespace

ConfiguredServers read_timesyncd(const std::string& root) {
  return TimesyncdReader(root).read();
}

}  // namespace coord::ntpprobe
