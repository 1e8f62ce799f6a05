// SPDX-License-Identifier: MIT
// chrony.conf(5): a directive a line, its name and options in any case; a comment is a line that begins with
// one of !;#%, nothing else is. Directories of confdir and sourcedir stand in for each other by file name.
#include <algorithm>

#include "ntpprobe/config_readers.hpp"

namespace coord::ntpprobe {
namespace {

constexpr int deepest_chrony_include = 10;    // of files that include files
constexpr std::size_t most_directories = 10;  // of one confdir or sourcedir

class ChronyReader {
 public:
  explicit ChronyReader(const std::string& root) : files_(root) {}

  void read(const std::string& file, int depth = 0) {
    const auto text = depth > deepest_chrony_include ? std::nullopt : files_.read(file);
    if (!text) return;
    for (const std::string_view line : lines_of(*text)) directive(words_of(line), file, depth);
  }

  // Who is offline is not asked until someone brings it online: only where there is nobody else.
  ConfiguredServers take() { return online_.empty() ? offline_.take() : online_.take(); }

 private:
  // Dynamic sources, as DHCP clients write them: sources only, and every line ends with a newline (another
  // is still being written).
  void read_sources(const std::string& file) {
    const auto text = files_.read(file);
    if (!text) return;
    const std::string_view whole = std::string_view(*text).substr(0, text->rfind('\n') + 1);
    for (const std::string_view line : lines_of(whole)) source(words_of(line), file);
  }

  void directive(const std::vector<std::string>& words, const std::string& file, int depth) {
    if (source(words, file) || words.size() < 2) return;
    if (same_word(words[0], "include")) {
      for (const std::string& name : matching(files_.below_root(words[1]))) read(name, depth + 1);
    } else if (same_word(words[0], "confdir")) {
      for (const std::string& name : drop_ins(directories(words), ".conf")) read(name, depth + 1);
    } else if (same_word(words[0], "sourcedir")) {
      for (const std::string& name : drop_ins(directories(words), ".sources")) read_sources(name);
    }
  }

  std::vector<std::string> directories(const std::vector<std::string>& words) const {
    std::vector<std::string> directories;
    for (std::size_t i = 1; i < std::min(words.size(), most_directories + 1); ++i)
      directories.push_back(files_.below_root(words[i]));
    return directories;
  }

  bool source(const std::vector<std::string>& words, const std::string& file) {
    if (words.size() < 2) return false;
    const bool is_source = std::any_of(std::begin(directives), std::end(directives),
                                       [&](const char* name) { return same_word(words[0], name); });
    if (!is_source) return false;
    auto name = read_server_name(words[1]);
    if (!name) return true;
    bool offline = false;
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (same_word(words[i], "port") && i + 1 < words.size())
        name->port = read_port(words[i + 1]).value_or(name->port);
      if (same_word(words[i], "ipv4")) name->family = Family::ipv4;
      if (same_word(words[i], "ipv6")) name->family = Family::ipv6;
      offline = offline || same_word(words[i], "offline");
    }
    (offline ? offline_ : online_).add(std::move(*name), file);
    return true;
  }

  static constexpr const char* directives[] = {"server", "pool", "peer"};

  ConfigFiles files_;
  ServerList online_, offline_;
};

}  // namespace

ConfiguredServers read_chrony(const std::string& root, const std::string& file) {
  ChronyReader reader(root);
  reader.read(root + file);
  return reader.take();
}

}  // namespace coord::ntpprobe
