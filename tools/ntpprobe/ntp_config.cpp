// SPDX-License-Identifier: MIT
// ntp.conf(5): a command a line, in small letters, never continued; # begins a comment wherever it stands,
// quotes keep a word together. NTPsec also reads the files of ntp.d beside it. Commands of the whole
// configuration are carried out in an order of their own: unpeer takes away also what a later line adds.
#include <filesystem>

#include "base/format.hpp"
#include "ntpprobe/config_readers.hpp"

namespace coord::ntpprobe {
namespace {

constexpr int deepest_ntp_include = 5;  // of files that include files

std::vector<std::string> command_words(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  std::vector<std::string> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty() || line.front() == '#') return words;
    std::string word;
    while (!line.empty() && line.front() != '#' && blanks.find(line.front()) == std::string_view::npos) {
      if (line.front() == '"') {  // up to the next one or the end of the line
        line.remove_prefix(1);
        const std::size_t end = std::min(line.find('"'), line.size());
        word += line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        break;
      }
      word += line.front();
      line.remove_prefix(1);
    }
    words.push_back(std::move(word));
  }
}

// [ADDRESS]%DEVICE, as ntp.conf writes a link-local address: the address with its scope.
std::string with_scope(const std::string& address) {
  const std::size_t end = address.find("]%");
  if (!address.starts_with('[') || end == std::string::npos) return address;
  return address.substr(1, end - 1) + address.substr(end + 1);
}

class NtpReader {
 public:
  explicit NtpReader(const std::string& root) : files_(root) {}

  void read(const std::string& file, int depth = 0) {
    const auto text = depth > deepest_ntp_include ? std::nullopt : files_.read(file);
    if (!text) return;
    for (const std::string_view line : lines_of(*text)) command(command_words(line), file, depth);
  }
  void read_directory(const std::string& directory, int depth) {
    for (const std::string& name : drop_ins({directory}, ".conf", DotFiles::take)) read(name, depth);
  }

  ConfiguredServers take() {
    for (const std::string& host : unpeered_) servers_.remove(host);
    return servers_.take();
  }

 private:
  void command(const std::vector<std::string>& words, const std::string& file, int depth) {
    if (words.size() < 2) return;
    if (words[0] == "server" || words[0] == "pool" || words[0] == "peer") {
      server(words, file);
    } else if (words[0] == "unpeer") {
      if (const auto name = read_server_name(with_scope(words[1]))) unpeered_.push_back(name->host);
    } else if (words[0] == "includefile") {
      const std::string folder = std::filesystem::path(file).parent_path().string();
      const std::string path = files_.below_root(words[1], folder);
      std::error_code unknown;
      std::filesystem::is_directory(path, unknown) ? read_directory(path, depth + 1) : read(path, depth + 1);
    }
  }

  void server(const std::vector<std::string>& words, const std::string& file) {
    std::size_t at = 1;
    Family family = Family::any;
    for (; at < words.size() && words[at].starts_with('-'); ++at)
      family = words[at] == "-4" || words[at] == "--ipv4" ? Family::ipv4 : Family::ipv6;
    if (at >= words.size() || words[at].starts_with("127.127.")) return;  // a reference clock
    auto name = read_server_name(with_scope(words[at]));
    if (!name) return;
    name->family = family;
    for (std::size_t i = at + 1; i < words.size(); ++i) {
      if (words[i] == "\\") return;  // no continuation: ntpd refuses the line
      if (words[i] == "port" && i + 1 < words.size())
        name->port = read_port(words[i + 1]).value_or(name->port);
      if (words[i] == "nts") name->port = ntp_port;  // a port in the address is that of the key exchange
    }
    servers_.add(std::move(*name), file);
  }

  ConfigFiles files_;
  ServerList servers_;
  std::vector<std::string> unpeered_;
};

}  // namespace

ConfiguredServers read_ntp(const std::string& root, const std::string& file) {
  NtpReader reader(root);
  reader.read(root + file);
  reader.read_directory(fmt::format("{}{}/ntp.d", root, std::filesystem::path(file).parent_path().string()),
                        1);
  return reader.take();
}

}  // namespace coord::ntpprobe
