// SPDX-License-Identifier: MIT
// Where the hosts of the group are: by the replicated state, by what this host has kept of it
// (address_book.hpp), by its list. And who is of the group no more: for a month he is told that it lives,
// should he be started anew by an old list and found another one.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "daemon/asking_around.hpp"
#include "daemon/daemon.hpp"
#include "daemon/wall_now.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

constexpr std::int64_t remembered_s = std::int64_t{30} * 24 * 3600;
constexpr std::size_t most_names_gone = 256;
constexpr Duration reminded_by_voters_every = std::chrono::seconds(2);
constexpr Duration reminded_by_others_every = std::chrono::seconds(60);
constexpr std::size_t most_reminded_at_once = 32;

bool is_dialled(const std::string& text) {
  const auto address = net::parse_address(text);
  return address && !address->host.empty() && address->port != 0;
}

}  // namespace

// A hint: whatever is wrong with it, the group is found by the list, or told where it is.
void Daemon::open_address_book() {
  auto book = read_address_book(*disk_);
  if (book) {
    book_ = written_book_ = std::move(*book);
  } else {
    log_(net::LogLevel::warning, book.error().text());
  }
  addresses_ = std::make_unique<WorkThread>(
      io_, std::make_unique<AddressWorker>(settings_.options.state_dir),
      [this](const std::shared_ptr<node::Work>& work) {
        const auto* write = dynamic_cast<const WriteAddresses*>(work.get());
        if (write != nullptr && !write->told_by.empty()) return answer_is_written(*write);
        if (write == nullptr || write->written) return;
        written_book_ = {};  // with the next change
        log_(net::LogLevel::warning, fmt::format("state: {}", write->written.error().text()));
      });
  // What the file says of a host without a vote is as old as can be.
  if (!settings_.known.empty() && (book_.known.empty() || book_.group != settings_.group))
    book_ = AddressBook{settings_.group, LogIndex{1}, settings_.known, {}, book_.gone};
  reminders_ = std::make_unique<WorkThread>(
      io_, std::make_unique<AroundAsker>(), [this](const std::shared_ptr<node::Work>& work) {
        if (const auto* asked = dynamic_cast<const AskAround*>(work.get())) return is_answered(*asked);
        is_reminding_ = false;
        reminded_ = process::boot_now();
      });
}

// It says more than what is applied here.
bool Daemon::goes_by_book() const {
  return !book_.group.empty() && node_->log().machine().state().applied < book_.at;
}

// What the group has answered to this host's question is news until as much is applied here.
const net::Roster::Node* Daemon::as_told(NodeId node) const {
  const bool is_news = settings_.joins() && node_->log().machine().state().applied < settings_.admitted_at;
  return is_news ? founding_roster_.find(node) : nullptr;
}

net::Roster::Node Daemon::at_its_address(net::Roster::Node node) const {
  Whereabouts known;
  if (const net::Roster::Node* const told = as_told(node.id)) known.told = told->address.text();
  if (const auto listed = listed_.find(node.id); listed != listed_.end())
    known.listed = listed->second.text();
  const auto& registrations = node_->log().machine().state().registrations;
  if (const auto found = registrations.find(node.id); found != registrations.end())
    known.applied = found->second.reached_at();
  known.by_book = goes_by_book();
  const auto address = net::parse_address(address_of(node.id, known, book_));
  if (address) node.address = *address;
  return node;
}

// Who got a vote later: before that is applied here the group may lack their votes.
void Daemon::add_known(net::Roster& roster) const {
  if (!goes_by_book()) return;
  for (const wire::KnownPeer& peer : book_.known) {
    const auto address = net::parse_address(peer.address);
    if (peer.votes && address && is_peer_name(peer.name) && roster.find(peer.node) == nullptr)
      (void)roster.admit({peer.node, peer.name, *address, false, false});
  }
}

AddressBook Daemon::addresses_now() const {
  const service::State& state = node_->log().machine().state();
  const std::int64_t now = wall_now().unix_ns / 1'000'000'000;
  AddressBook book;
  book.group = group_id();
  book.at = state.applied;
  book.gone = written_book_.gone;
  for (const auto& [id, node] : founding_roster_.all()) {
    const auto listed = listed_.find(id);
    if (settings_.joins() || !node.founder || listed == listed_.end()) continue;
    if (is_dialled(listed->second.text())) book.founded[node.name] = listed->second.text();
  }
  for (const auto& [id, node] : settings_.roster.all()) {
    const bool is_here = node.voter || state.registrations.contains(id);
    if (is_here) {
      book.gone.erase(node.name);
    } else if (book.gone.size() < most_names_gone && is_dialled(node.address.text())) {
      book.gone.try_emplace(node.name, AddressBook::Gone{node.address.text(), now});
    }
    if (!node.founder && !node.voter) continue;
    book.known.push_back({id, node.name, node.address.text(), node.voter});
    const auto listed = listed_.find(id);
    if (listed != listed_.end()) book.listed[id] = listed->second.text();
  }
  std::erase_if(book.gone, [now](const auto& each) { return now - each.second.since > remembered_s; });
  return book;
}

// Not before this host has come as far as what is written says.
void Daemon::write_addresses() {
  if (!addresses_ || goes_by_answer_ || goes_by_book() || !node_->log().has_begun() || group_id().empty())
    return;
  AddressBook book = addresses_now();
  AddressBook as_written = written_book_;
  as_written.at = book.at;
  if (book == as_written || book.known.empty()) return;
  written_book_ = book;
  addresses_->submit(std::make_shared<WriteAddresses>(std::move(book)));
}

// Who was removed and is started anew, with nothing and an old list.
void Daemon::remind_departed() {
  if (!reminders_ || is_reminding_ || written_book_.gone.empty() || !node_->log().has_quorum()) return;
  const Instant now = process::boot_now();
  const bool votes = std::ranges::find(voters_, settings_.node) != voters_.end();
  if (now < reminded_ + (votes ? reminded_by_voters_every : reminded_by_others_every)) return;
  reminded_ = now;
  std::vector<net::Address> whom;
  for (const auto& [name, gone] : written_book_.gone) {
    const bool is_free = std::ranges::none_of(settings_.roster.all(), [&](const auto& each) {
      return each.second.address.text() == gone.address && each.second.name != name;
    });
    if (is_free) whom.push_back(*net::parse_address(gone.address));
  }
  if (whom.size() > most_reminded_at_once) {  // the next ones
    std::ranges::rotate(whom, whom.begin() + static_cast<std::ptrdiff_t>(remind_from_ % whom.size()));
    remind_from_ += most_reminded_at_once;
    whom.resize(most_reminded_at_once);
  }
  wire::IntroductionQuestion question = own_question();
  question.leads = true;
  is_reminding_ = !whom.empty();
  if (is_reminding_)
    reminders_->submit(std::make_shared<Remind>(*settings_.keys, std::move(whom), std::move(question)));
}

}  // namespace coord::daemon
