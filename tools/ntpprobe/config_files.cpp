// SPDX-License-Identifier: MIT
#include <glob.h>
#include <strings.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/format.hpp"
#include "ntpprobe/config_readers.hpp"
#include "ntpprobe/small_file.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t most_files = 256;  // of one daemon: more than anyone has
constexpr std::size_t most_configured_servers = 64;

}  // namespace

std::string ConfigFiles::below_root(const std::string& path, const std::string& folder) const {
  if (path.starts_with('/')) return root_ + path;
  return folder == "/" ? fmt::format("{}/{}", root_, path) : fmt::format("{}/{}", folder, path);
}

std::optional<std::string> ConfigFiles::read(const std::string& file) {
  std::error_code unknown;
  if (reads_ >= most_files || !std::filesystem::is_regular_file(file, unknown)) return std::nullopt;
  ++reads_;
  auto text = read_small_file(file);
  if (!text) return std::nullopt;
  return std::move(*text);
}

void ServerList::add(ServerName name, const std::string& file) {
  const auto& names = found_.names;
  if (names.size() >= most_configured_servers || std::find(names.begin(), names.end(), name) != names.end())
    return;
  if (names.empty()) found_.source = file;
  found_.names.push_back(std::move(name));
}

void ServerList::remove(const std::string& host) {
  std::erase_if(found_.names, [&](const ServerName& name) { return same_word(name.host, host); });
}

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> names;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return names;
}

std::vector<std::string> drop_ins(const std::vector<std::string>& directories, std::string_view suffix,
                                  DotFiles dot_files) {
  std::map<std::string, std::string> by_name;
  for (const std::string& directory : directories) {
    std::error_code failed;
    std::filesystem::directory_iterator entries(directory, failed);
    for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
      const std::string name = entries->path().filename().string();
      if (name.starts_with('.') && dot_files == DotFiles::leave_out) continue;
      if (name.size() > suffix.size() && name.ends_with(suffix))
        by_name.emplace(name, entries->path().string());
    }
  }
  std::vector<std::string> files;
  for (const auto& [name, path] : by_name) files.push_back(path);
  return files;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  std::vector<std::string> words;
  std::size_t at = line.find_first_not_of(blanks);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return words;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace coord::ntpprobe
