// SPDX-License-Identifier: MIT
#include "daemon/address_book.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"
#include "base/small_file.hpp"
#include "store/posix_disk.hpp"

namespace coord::daemon {

namespace {

constexpr char book_being_written[] = "addresses.new";
constexpr char first_line_of_book[] = "coordutils addresses 1";
constexpr std::size_t longest_book = std::size_t{1} << 20U;
constexpr std::size_t most_in_book = 32;
constexpr std::size_t most_gone_in_book = 256;
constexpr char not_in_list[] = "-";

Error damaged_book(const std::string& what) {
  return {ErrorKind::data, address_book_name, what, "it counts for nothing, and is written anew"};
}

template <class Number>
bool parse_number(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::vector<std::string> words_in(const std::string& text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool names_a_place(const std::string& text) {
  const auto address = net::parse_address(text);
  return address && !address->host.empty() && address->port != 0;
}

bool take_known(const std::vector<std::string>& words, AddressBook& book) {
  wire::KnownPeer peer;
  peer.name = words[1];
  peer.address = words[3];
  peer.votes = words[0] == "voter";
  if (!parse_number(words[2], peer.node.value) || peer.node == NodeId{} || peer.name.size() > 64)
    return false;
  if (!names_a_place(peer.address) || book.known.size() >= most_in_book) return false;
  if (words[4] != not_in_list) {
    if (!names_a_place(words[4])) return false;
    book.listed[peer.node] = words[4];
  }
  book.known.push_back(std::move(peer));
  return true;
}

bool take_line(const std::vector<std::string>& words, AddressBook& book) {
  if (words.size() == 2 && words[0] == "group") {
    book.group = words[1];
    return !book.group.empty() && book.group.size() <= 64;
  }
  if (words.size() == 2 && words[0] == "at") return parse_number(words[1], book.at.value);
  if (words.size() == 5 && (words[0] == "voter" || words[0] == "founder")) return take_known(words, book);
  if (words.size() == 3 && words[0] == "founded" && words[1].size() <= 64 && names_a_place(words[2]))
    return book.founded.emplace(words[1], words[2]).second && book.founded.size() <= most_in_book;
  if (words.size() != 4 || words[0] != "gone" || words[1].size() > 64 || !names_a_place(words[2]))
    return false;
  AddressBook::Gone gone{words[2], 0};
  const bool right = parse_number(words[3], gone.since) && book.gone.size() < most_gone_in_book;
  book.gone[words[1]] = std::move(gone);
  return right;
}

}  // namespace

std::string to_text(const AddressBook& book) {
  std::string text = fmt::format("{}\ngroup {}\nat {}\n", first_line_of_book, book.group, book.at.value);
  for (const wire::KnownPeer& peer : book.known) {
    const auto listed = book.listed.find(peer.node);
    text += fmt::format("{} {} {} {} {}\n", peer.votes ? "voter" : "founder", peer.name, peer.node.value,
                        peer.address, listed == book.listed.end() ? not_in_list : listed->second);
  }
  for (const auto& [name, gone] : book.gone)
    text += fmt::format("gone {} {} {}\n", name, gone.address, gone.since);
  for (const auto& [name, address] : book.founded) text += fmt::format("founded {} {}\n", name, address);
  return text;
}

// What the operator has said of it, or it itself, counts more than the list that this host was started with
// (dpeers move). A list that was changed since is news, until the group says something else
// than it said then.
std::string address_of(NodeId node, const Whereabouts& known, const AddressBook& book) {
  if (!known.told.empty()) return known.told;
  std::string said = known.applied;
  if (const auto kept = std::ranges::find(book.known, node, &wire::KnownPeer::node);
      kept != book.known.end()) {
    const auto then = book.listed.find(node);
    const bool is_news = !known.listed.empty() && then != book.listed.end() && then->second != known.listed;
    if (known.by_book) said = kept->address;
    if (is_news && said == kept->address) return known.listed;
  }
  return names_a_place(said) ? said : known.listed;
}

std::string difference_of_names(const std::map<std::string, std::string>& founded,
                                const std::map<std::string, net::Address>& list) {
  const auto missing = [](const auto& all, const auto& of) {
    std::string names;
    for (const auto& [name, address] : all)
      if (!of.contains(name)) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    return names;
  };
  const std::string more = missing(list, founded), fewer = missing(founded, list);
  return fmt::format("{}{}{}", more.empty() ? "" : "it names " + more,
                     more.empty() || fewer.empty() ? "" : ", and ",
                     fewer.empty() ? "" : "it does not name " + fewer);
}

Result<AddressBook> parse_address_book(const std::string& text) {
  const std::vector<std::string> lines = words_in(text, '\n');
  if (lines.empty() || lines.front() != first_line_of_book)
    return damaged_book("it does not begin as such a file does");
  AddressBook book;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!take_line(words_in(lines[i], ' '), book))
      return damaged_book(fmt::format("line {} cannot be read", i + 1));
  }
  if (book.group.empty()) return damaged_book("it ends too early");
  return book;
}

Result<AddressBook> read_address_book(Disk& disk) {
  const auto text = read_small_file(disk, address_book_name, longest_book);
  if (!text) return text.error();
  return *text ? parse_address_book(**text) : AddressBook{};
}

Status write_address_book(Disk& disk, const AddressBook& book) {
  return replace_small_file(disk, address_book_name, bytes_of(to_text(book)), book_being_written);
}

void AddressWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  auto& last = dynamic_cast<WriteAddresses&>(*batch.back());
  auto disk = store::PosixDisk::open_directory(directory_);
  last.written = disk ? write_address_book(**disk, last.book) : Status(disk.error());
}

}  // namespace coord::daemon
