// SPDX-License-Identifier: MIT
// What a host knows of its group for its next start, in the state directory: which group that is, and where
// those were reached last who vote or founded it.
//
// The problem: where a peer is reached stands in the replicated state (dpeers move). After all hosts are
// started at once that is not known yet: it is applied when somebody leads, and nobody leads before they have
// found each other. The list that a host was started with may be years old.
//
// So what is written here counts until this host has applied the log up to where it was written. An address
// that the list names counts only as long as the list says what it said then: a list that was changed since
// is news. It is a hint: nothing that hangs on it is more than whom to dial. Lost or damaged it is as if
// there were none. Names that are of the group no more stand here, too, for a month: who is started anew
// there is told of the living group before it founds another one (departed.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "node/part.hpp"
#include "wire/introduction.hpp"

namespace coord::daemon {

inline constexpr char address_book_name[] = "addresses";

struct AddressBook {
  struct Gone {
    std::string address;
    std::int64_t since = 0;  // Unix seconds

    bool operator==(const Gone&) const = default;
  };
  std::string group;                     // its id; empty: there is no book
  LogIndex at;                           // as of there
  std::vector<wire::KnownPeer> known;    // who votes, and the founders
  std::map<NodeId, std::string> listed;  // of these: the address in this host's list
  std::map<std::string, Gone> gone;      // by name
  // Who founded the group, and where each was then: the names that its log was made for, however the list of
  // this host is edited later. Of a founder's book.
  std::map<std::string, std::string> founded{};

  bool operator==(const AddressBook&) const = default;
};

std::string to_text(const AddressBook& book);

// What is known of where a host is reached; empty: nothing of that kind.
struct Whereabouts {
  std::string told{};     // by the group, asked by this host, as long as that is news
  std::string listed{};   // in this host's list, as it is now
  std::string applied{};  // by the state, as far as it is applied here
  bool by_book = false;   // the book says more than what is applied
};
// What counts of it: HOST:PORT; empty: nothing is known.
std::string address_of(NodeId node, const Whereabouts& known, const AddressBook& book);
// How the names of a list are not those of the founders; empty: they are.
std::string difference_of_names(const std::map<std::string, std::string>& founded,
                                const std::map<std::string, net::Address>& list);
Result<AddressBook> parse_address_book(const std::string& text);

// Empty: there is none.
Result<AddressBook> read_address_book(Disk& disk);
Status write_address_book(Disk& disk, const AddressBook& book);

struct WriteAddresses : node::Work {
  explicit WriteAddresses(AddressBook what, std::string by = "")
      : book(std::move(what)), told_by(std::move(by)) {}
  AddressBook book;
  std::string told_by;  // not empty: this host goes by it, and begins anew, when it is written
  Status written = done();
};

// Of several that wait the last one is written.
class AddressWorker final : public node::Worker {
 public:
  explicit AddressWorker(std::string directory) : directory_(std::move(directory)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  std::string directory_;
};

}  // namespace coord::daemon
