// SPDX-License-Identifier: MIT
// The readers behind configured_servers(), one for each daemon's grammar, and what they share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ntpprobe/system_config.hpp"

namespace coord::ntpprobe {

// Reads the files of one daemon's configuration. Bounded, so that files that include each other end.
class ConfigFiles {
 public:
  explicit ConfigFiles(std::string root) : root_(std::move(root)) {}

  // The path that stands for an absolute one of the configuration; a relative one is taken from `folder`.
  std::string below_root(const std::string& path, const std::string& folder = "/") const;
  // Nothing where it is not a readable regular file, or too many have been read.
  std::optional<std::string> read(const std::string& file);

 private:
  std::string root_;
  std::size_t reads_ = 0;
};

// The servers found, each once, in their order.
class ServerList {
 public:
  void add(ServerName name, const std::string& file);
  void remove(const std::string& host);
  bool empty() const { return found_.names.empty(); }
  ConfiguredServers take() { return std::move(found_); }

 private:
  ConfiguredServers found_;
};

// chrony.conf(5).
ConfiguredServers read_chrony(const std::string& root, const std::string& file);
// ntp.conf(5), of NTPsec and of the NTP project.
ConfiguredServers read_ntp(const std::string& root, const std::string& file);
// timesyncd.conf(5).
ConfiguredServers read_timesyncd(const std::string& root);

// What the pattern matches (glob(7)), sorted.
std::vector<std::string> matching(const std::string& pattern);
// The files of the directories whose names end in `suffix`, sorted by name, whichever directory they are in;
// of several with one name, that of the first directory.
enum class DotFiles { leave_out, take };
std::vector<std::string> drop_ins(const std::vector<std::string>& directories, std::string_view suffix,
                                  DotFiles dot_files = DotFiles::leave_out);

bool same_word(std::string_view a, std::string_view b);         // case does not matter (ASCII)
std::vector<std::string> words_of(std::string_view line);       // between white space
std::vector<std::string_view> lines_of(std::string_view text);  // without their newlines

}  // namespace coord::ntpprobe
