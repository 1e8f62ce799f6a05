// SPDX-License-Identifier: MIT
#include "daemon/member_file.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"
#include "base/small_file.hpp"
#include "net/address.hpp"
#include "protocol/raft/voters.hpp"

namespace coord::daemon {

namespace {

constexpr char first_line[] = "coordutils member 1";
constexpr std::size_t longest = 64 * 1024;
constexpr std::size_t most_voters = 32;

Error damaged(const std::string& what) {
  return {ErrorKind::data, member_file_name, what,
          "move the state directory away, but for its file `keys`: the host comes to the group anew"};
}

template <class Number>
bool parse(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// No streams: whoever uses one gets all of the library's locales.
std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_group(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool take(const std::vector<std::string>& words, MemberFile& file) {
  if (words.size() == 2 && words[0] == "group") {
    file.group = words[1];
    return is_group(file.group);
  }
  if (words.size() == 2 && words[0] == "name") {
    file.name = words[1];
    return file.name.size() <= 64;
  }
  if (words.size() == 2 && words[0] == "node")
    return parse(words[1], file.node.value) && file.node != NodeId{};
  if (words.size() == 2 && words[0] == "address") {
    file.address = words[1];
    return net::parse_address(file.address).ok();
  }
  if (words.size() == 2 && words[0] == "log") {
    file.log = words[1];
    return is_group(file.log);  // as long
  }
  if (words.size() == 2 && words[0] == "founded") {
    NodeId founder;
    const bool right = parse(words[1], founder.value) && founder != NodeId{};
    file.founders.push_back(founder);
    const bool in_order = file.founders.size() < 2 || file.founders.end()[-2] < founder;
    return right && in_order && file.founders.size() <= raft::Voters::limit;
  }
  if (words.size() == 2 && words[0] == "level") return parse(words[1], file.level);
  if (words.size() == 2 && words[0] == "keeps") return file.keeps_log = words[1] == "log";
  const bool votes = words.size() == 4 && words[0] == "voter";
  if (!votes && (words.size() != 4 || words[0] != "founder")) return false;
  wire::KnownPeer peer;
  peer.name = words[1];
  peer.address = words[3];
  peer.votes = votes;
  const auto address = net::parse_address(peer.address);
  const bool right = parse(words[2], peer.node.value) && peer.node != NodeId{} && address &&
                     !address->host.empty() && address->port != 0;
  file.voters.push_back(std::move(peer));
  return right && file.voters.size() <= most_voters;
}

}  // namespace

std::string to_text(const MemberFile& file) {
  std::string text = fmt::format("{}\ngroup {}\nname {}\nnode {}\naddress {}\nlevel {}\n", first_line,
                                 file.group, file.name, file.node.value, file.address, file.level);
  if (file.keeps_log) text += "keeps log\n";
  if (!file.log.empty()) text += fmt::format("log {}\n", file.log);
  for (const NodeId founder : file.founders) text += fmt::format("founded {}\n", founder.value);
  for (const wire::KnownPeer& peer : file.voters)
    text += fmt::format("{} {} {} {}\n", peer.votes ? "voter" : "founder", peer.name, peer.node.value,
                        peer.address);
  return text;
}

Result<MemberFile> parse_member_file(const std::string& text) {
  const std::vector<std::string> lines = split(text, '\n');
  if (lines.empty() || lines.front() != first_line) return damaged("it does not begin as such a file does");
  MemberFile file;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!take(split(lines[i], ' '), file)) return damaged(fmt::format("line {} cannot be read", i + 1));
  }
  if (file.group.empty() || file.name.empty() || file.node == NodeId{} || file.address.empty() ||
      file.voters.empty())
    return damaged("it ends too early");
  return file;
}

Result<std::optional<MemberFile>> read_member_file(Disk& disk) {
  const auto text = read_small_file(disk, member_file_name, longest);
  if (!text) return text.error();
  if (!*text) return std::optional<MemberFile>{};
  auto parsed = parse_member_file(**text);
  if (!parsed) return parsed.error();
  return std::optional(std::move(*parsed));
}

Status write_member_file(Disk& disk, const MemberFile& member) {
  return replace_small_file(disk, member_file_name, to_text(member));
}

}  // namespace coord::daemon
