// SPDX-License-Identifier: MIT
#include "daemon/joining.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "base/small_file.hpp"
#include "daemon/address_book.hpp"
#include "protocol/raft/voters.hpp"
#include "store/segment.hpp"
#include "store/snapshot_file.hpp"

namespace coord::daemon {

namespace {

constexpr Duration between_askings = std::chrono::milliseconds(200);
constexpr int rounds_of_a_former_member = 3;
constexpr int refusals_in_a_row = 10;  // a handshake that ends early may be a peer that is restarted
constexpr int rounds_until_told = 50;  // of nobody who answers: a line each
// Of a name that lives for the group and does not answer here: longer than the group needs to find it dead.
constexpr int rounds_of_living_name = 50;
// What a host has been asked to take from one that does not live may still come about so much later.
constexpr int rounds_of_one_decision = 50;

// Before the name of one of them was another disk's.
std::vector<NodeId> founders_named(const std::vector<wire::KnownPeer>& peers) {
  std::vector<NodeId> founders;
  for (const wire::KnownPeer& peer : peers)
    if (peer.node == net::Roster::founding_id(peer.name)) founders.push_back(peer.node);
  std::ranges::sort(founders);
  return founders;
}

class Joining {
 public:
  Joining(Disk& disk, Settings& settings, const Asker& asker)
      : disk_(disk), settings_(settings), asker_(asker) {}

  Status run() {
    if (Status known = recall(); !known) return known;
    return was_member_ ? run_of_former_member() : run_of_new_host();
  }

  // With the file as it is.
  Result<bool> run_again() {
    const std::uint64_t life = settings_.life;
    if (Status known = recall(); !known) return known.error();
    settings_.life = life;
    return was_member_ ? ask_all() : Result<bool>(false);
  }

 private:
  Status run_of_new_host() {
    for (int round = 0;; ++round) {
      refusal_.reset();
      for (const net::Address& address : whom()) {
        const auto ended = try_at(address);
        if (!ended) return ended.error();
        if (*ended) return done();
      }
      count_round();
      refusals_ = refusal_ ? refusals_ + 1 : 0;
      if (refusals_ >= refusals_in_a_row) return *refusal_;
      if (round % rounds_until_told == 0)
        asker_.log(net::LogLevel::warning, fmt::format("join: waits for the group: {}", last_trouble_));
      asker_.waits(last_trouble_);
      asker_.wait(between_askings);
    }
  }

  Status run_of_former_member() {
    for (int round = 0; round < rounds_of_a_former_member; ++round) {
      if (round > 0) asker_.wait(between_askings);
      const auto ended = ask_all();
      if (!ended) return ended.error();
      if (*ended) return done();
      if (!answered_) break;
    }
    return go_by_the_file();
  }

  Result<bool> ask_all() {
    auto answer = asker_.ask_any(whom(), question(false));
    answered_ = answer.ok();
    if (!answer) return not_yet(answer.error().text());
    auto taken = take(answer->first, answer->second);
    count_round();
    return taken;
  }

  // Whatever number of peers was asked in it. A round in which nobody answers says nothing.
  void count_round() {
    int& rounds = settings_.rounds_of_living_name;
    if (name_lives_) rounds = *name_lives_ ? rounds + 1 : 0;
    name_lives_.reset();
  }

  Status recall() {
    auto file = read_member_file(disk_);
    if (!file) return file.error();
    do settings_.life = asker_.draw();
    while (settings_.life == 0);
    was_member_ = file->has_value();
    if (!was_member_) return no_log();
    file_ = std::move(**file);
    const auto logs = has_log();
    if (!logs) return logs.error();
    if (COORD_RULE_OR(number_is_of_its_log, !file_.log.empty() && !*logs, false)) return lose_number();
    if (file_.founders.empty()) file_.founders = founders_named(file_.voters);
    // Where the voters are by now, and who they are: written since.
    const auto book = read_address_book(disk_);
    if (book && book->group == file_.group && !book->known.empty()) file_.voters = book->known;
    if (file_.name == settings_.name) return keep_log();
    return Error{ErrorKind::usage, "--name", fmt::format("this state directory is of '{}'", file_.name),
                 "use that name, or an empty directory"};
  }

  // Before anything of a log is there, or after nothing of it counts any more.
  Status keep_log() {
    const bool keep = settings_.keep_log.value_or(file_.keeps_log);
    settings_.keep_log = keep;
    if (keep == std::exchange(file_.keeps_log, keep)) return done();
    return write_member_file(disk_, file_);
  }

  // What its log has promised is lost with it: as an empty directory, of the same group.
  Status lose_number() {
    asker_.log(net::LogLevel::warning,
               "join: the log of this state directory is lost: comes to the group under another number");
    MemberFile anew;
    anew.group = file_.group;
    anew.voters = file_.voters;
    file_ = std::move(anew);
    was_member_ = false;
    settings_.keep_log = false;
    settings_.registered_at.reset();
    return done();
  }

  Result<bool> has_log() {
    const auto names = disk_.list();
    if (!names) return names.error();
    return std::ranges::any_of(*names, [](const std::string& name) {
      return store::segment_sequence(name).has_value() || store::snapshot_index(name).has_value();
    });
  }

  // A directory with a log is of a host that votes, whatever is asked for.
  Status no_log() {
    const auto logs = has_log();
    if (!logs) return logs.error();
    if (!*logs) return done();
    return Error{ErrorKind::usage, "--join", "this state directory is of a peer that votes, or was alone",
                 "give --join an empty one"};
  }

  std::vector<net::Address> whom() const {
    std::vector<net::Address> all = settings_.join;
    for (const wire::KnownPeer& peer : file_.voters) {
      const auto address = net::parse_address(peer.address);
      if (address && peer.node != file_.node) all.push_back(*address);
    }
    return all;
  }

  wire::IntroductionQuestion question(bool admit) const {
    wire::IntroductionQuestion question;
    question.name = settings_.name;
    question.node = file_.node;
    question.life = settings_.life;
    question.address = own_address_.empty() ? settings_.listen.text() : own_address_;
    question.group = file_.group;
    question.knows = newest_level;
    question.admit = admit;
    question.zone = settings_.options.zone;
    question.rejoins = rejoins_now_;
    if (admit) question.instead_of = settings_.name_of_dead;
    return question;
  }

  // True: it is of the group.
  Result<bool> try_at(const net::Address& address) {
    auto answer = asker_.ask(address, question(false));
    if (!answer && answer.error().kind == ErrorKind::data)
      refusal_ =
          Error{ErrorKind::unavailable, address.text(), answer.error().what,
                "give this host the group's release, and its keys: the file `keys` of another host's state "
                "directory if there is one, else the key file"};
    if (!answer) return not_yet(answer.error().text());
    return take(address, *answer);
  }

  Result<bool> take(const net::Address& address, const wire::Introduction& answer) {
    if (!answer.why_not.empty()) return not_yet(fmt::format("{}: {}", address.text(), answer.why_not));
    if (Status fits = check(address, answer); !fits) return fits.error();
    if (answer.is_retired) return is_retired(settings_, fmt::format("{} at {}", answer.name, address.text()));
    const bool is_behind = settings_.registered_at && answer.at < *settings_.registered_at;
    if (!COORD_RULE(removed_by_who_is_not_behind, !is_behind))
      return not_yet(fmt::format("{}: is behind this host", address.text()));
    const auto free = check_name(address, answer);
    if (!free) return free.error();
    if (!*free) return not_yet(why_name_is_not_free(answer));
    // Forgotten for its silence, as one that was suspended, it comes again by itself.
    if (settings_.registered_at && !answer.is_registered && answer.is_put_out)
      return Error{ErrorKind::usage, fmt::format("'{}'", settings_.name),
                   "this host was removed from the group", "start it again to come back"};
    if (Status written = remember(answer); !written) return written.error();
    const auto admitted = asker_.ask(address, question(true));
    if (!admitted) return not_yet(admitted.error().text());
    if (admitted->of_node && admitted->of_node->name != settings_.name && !was_member_) file_.node = NodeId{};
    if (!admitted->admitted)
      return not_yet(fmt::format(
          "{}: {}", address.text(),
          admitted->why_not.empty() ? std::string("has not admitted this host yet") : admitted->why_not));
    settings_.admitted_at = admitted->at;
    fill_in(admitted->level);
    return true;
  }

  Result<bool> not_yet(std::string why) {
    last_trouble_ = std::move(why);
    return false;
  }

  Status check(const net::Address& address, const wire::Introduction& answer) {
    if (answer.level > newest_level)
      return Error{ErrorKind::unavailable, address.text(),
                   fmt::format("the group is at level {}, and this program knows level {}", answer.level,
                               newest_level),
                   "install the group's release"};
    const bool same = file_.group.empty() || answer.group == file_.group;
    if (!COORD_RULE(member_of_one_group, same))
      return Error{ErrorKind::unavailable, address.text(),
                   fmt::format("it is of group {}, and this host is of group {}", answer.group, file_.group),
                   "correct --join, or move the state directory away"};
    return done();
  }

  std::string why_name_is_not_free(const wire::Introduction& answer) const {
    if (!not_known_.empty()) return fmt::format("the name {} cannot be looked up yet", not_known_);
    if (name_lives_ == true)
      return fmt::format("{} at {} is of the group and lives, and does not answer here", answer.of_name->name,
                         answer.of_name->address);
    return fmt::format(
        "{} votes, or did, with a disk that is lost: this host waits until the group "
        "has removed it: dpeers remove {}, on another host",
        settings_.name, settings_.name);
  }

  // Nobody else has the name or the number: by one that is not behind. False: not yet.
  Result<bool> check_name(const net::Address& address, const wire::Introduction& answer) {
    const std::string& host = settings_.listen.host;
    const bool anywhere = host.empty() || host == "0.0.0.0" || host == "::";
    own_address_ = net::Address{anywhere ? answer.seen : host, settings_.listen.port}.text();
    const bool has_this = std::ranges::any_of(answer.voters, [&](const wire::KnownPeer& peer) {
      return peer.name == settings_.name || (file_.node != NodeId{} && peer.node == file_.node);
    });
    if (has_this && !answer.of_name && !answer.of_node)
      return Error{ErrorKind::data, address.text(), "its answer contradicts itself", "install one release"};
    // A name that is not known yet may be this very host's: whose place it is is not decided by that.
    not_known_ = may_be_here(answer);
    if (!not_known_.empty()) return false;
    if (is_decided(answer)) return true;
    rejoins_now_ = is_lost_voter(answer);
    if (rejoins_now_) {
      // Its operator has said so: the one that is asked next has the group remove it.
      name_lives_ = false;
      settings_.lost_its_vote = !answer.name_learns;
      rejoins_now_ = settings_.options.rejoin;
      if (Status noted = note_lost_vote(); !noted) return noted.error();
      return false;
    }
    if (Status free = nobody_else(answer); !free) return free.error();
    const bool of_another = answer.of_name && answer.of_name->node != file_.node;
    // Cut off from here only it would hear that its name is taken, and end, with all that it holds.
    const bool lives_for_others = of_another && answer.name_lives && !is_here(*answer.of_name);
    name_lives_ = lives_for_others || name_lives_ == true;
    if (lives_for_others && settings_.rounds_of_living_name >= rounds_of_living_name)
      return name_is_taken(*answer.of_name).error();
    if (lives_for_others) return false;
    settings_.name_of_dead = of_another ? answer.name_since : 0;
    settings_.rounds_of_dead = 0;
    return true;
  }

  // The name is that of one who votes, at this very place or nowhere, and this directory has nothing: as a
  // lost disk leaves it. What that one has promised binds its number until the group has taken its vote away.
  bool is_lost_voter(const wire::Introduction& answer) {
    return !was_member_ && answer.of_name && answer.of_name->votes && !lives(*answer.of_name) &&
           (is_here(*answer.of_name) || settings_.comes_anew);
  }

  // Before the group is asked to take the vote of the lost disk, and before this host has another number: a
  // start in between would find a host that never voted.
  Status note_lost_vote() {
    if (!rejoins_now_ || !settings_.lost_its_vote || std::exchange(has_noted_vote_, true)) return done();
    return replace_small_file(disk_, rejoin_file_name, rejoin_wants_vote(settings_.name));
  }

  // Whether the one that has the name lives is asked once, as long as what was ordered by the answer may come
  // about: two hosts that come at once, each when the other one does not listen yet, would both end else, the
  // one by its question, the other by the log.
  bool is_decided(const wire::Introduction& answer) {
    const bool same = settings_.name_of_dead != 0 && answer.name_since == settings_.name_of_dead &&
                      ++settings_.rounds_of_dead < rounds_of_one_decision;
    return COORD_RULE_OR(name_is_decided_once, same, false);
  }

  Status nobody_else(const wire::Introduction& answer) {
    for (const auto& other : {answer.of_name, answer.of_node}) {
      if (!other) continue;
      if (is_this_host(*other)) own_address_ = other->address;
      const bool is_this = other->node == file_.node && other->address == own_address_;
      if (is_this || (!other->votes && !lives(*other))) continue;
      const bool has_moved = other->votes && other->node == file_.node && other->name == settings_.name;
      if (!has_moved) return name_is_taken(*other);
      return Error{ErrorKind::usage, fmt::format("'{}'", settings_.name),
                   fmt::format("{} at {} is one of the peers that vote; this host is at {}", other->name,
                               other->address, own_address_),
                   fmt::format("if it is this host that has moved: `dpeers move {} {}` on another one "
                               "that votes, then start it again. If this is a copy of it: give it a "
                               "name and a state directory of its own",
                               other->name, own_address_)};
    }
    return done();
  }

  Status name_is_taken(const wire::KnownPeer& by) const {
    return Error{
        ErrorKind::usage, fmt::format("'{}'", settings_.name),
        fmt::format("{} at {} {}; this host is at {}", by.name, by.address,
                    by.votes ? "is one of the peers that vote" : "is of the group and lives", own_address_),
        "give this host a name and a state directory of its own, above all if it was cloned"};
  }

  // Listening everywhere it is seen from whichever network its question went by: the address that the group
  // has for it is its own, if it is one of this host's.
  bool is_this_host(const wire::KnownPeer& other) {
    return was_member_ && other.node == file_.node && other.name == settings_.name && is_here(other);
  }

  bool is_here(const wire::KnownPeer& other) const {
    const auto address = net::parse_address(other.address);
    return other.address == own_address_ ||
           (address && address->port == settings_.listen.port && asker_.is_local(address->host) == true);
  }

  // The host that cannot be looked up yet; none: empty.
  std::string may_be_here(const wire::Introduction& answer) const {
    for (const auto& other : {answer.of_name, answer.of_node}) {
      const auto address = other ? net::parse_address(other->address) : Result<net::Address>(net::Address{});
      const bool may_be = other && address && other->address != own_address_ &&
                          address->port == settings_.listen.port && !asker_.is_local(address->host);
      if (may_be) return address->host;
    }
    return {};
  }

  // Of the name or the number that this host has: asked where it was last.
  bool lives(const wire::KnownPeer& other) const {
    const auto address = net::parse_address(other.address);
    if (!address || address->host.empty() || other.address == own_address_) return false;
    const auto answer = asker_.ask(*address, {});
    return answer && answer->name == other.name && answer->life != settings_.life;
  }

  Status remember(const wire::Introduction& answer) {
    MemberFile file = file_;
    file.group = answer.group;
    file.name = settings_.name;
    file.level = answer.level;
    file.address = own_address_;
    // Of this very name: the number that was lost with its disk.
    file.voters = answer.voters;
    std::erase_if(file.voters, [&](const wire::KnownPeer& peer) {
      return peer.name == settings_.name && peer.node != file.node;
    });
    std::vector<NodeId> founders = answer.founders;
    std::ranges::sort(founders);
    const bool plausible = founders.size() <= raft::Voters::limit &&
                           std::ranges::adjacent_find(founders) == founders.end() &&
                           std::ranges::find(founders, NodeId{}) == founders.end();
    if (!plausible)
      return Error{ErrorKind::data, "join", "the group's answer contradicts itself", "install one release"};
    file.founders = std::move(founders);
    while (file.node == NodeId{}) file.node = NodeId{asker_.draw()};
    if (file == file_) return done();
    const auto as_read = parse_member_file(to_text(file));
    if (!as_read || *as_read != file)
      return Error{ErrorKind::data, "join", "the group's answer cannot be kept", "install one release"};
    settings_.may_be_copy = settings_.may_be_copy || (was_member_ && file.address != file_.address);
    if (Status written = write_member_file(disk_, file); !written) return written;
    file_ = std::move(file);
    return done();
  }

  Status go_by_the_file() {
    asker_.log(net::LogLevel::warning, fmt::format("join: {}{}: uses the addresses that it knew",
                                                   answered_ ? "" : "nobody has answered: ", last_trouble_));
    own_address_ = file_.address;
    settings_.may_be_copy = true;  // nobody has said that no other host has this name
    settings_.goes_by_file = true;
    fill_in(file_.level);
    return done();
  }

  void fill_in(Level level) {
    settings_.level = level;
    settings_.group = file_.group;
    settings_.node = file_.node;
    settings_.founders = file_.founders;
    settings_.roster = {};
    for (const wire::KnownPeer& peer : file_.voters) {
      // Whatever the book says: this host's name and number are its own.
      if ((peer.name == settings_.name) != (peer.node == file_.node)) continue;
      const auto address = net::parse_address(peer.address);
      const bool founded = peer.node == net::Roster::founding_id(peer.name);
      if (address) (void)settings_.roster.admit({peer.node, peer.name, *address, founded, peer.votes});
    }
    const auto own = net::parse_address(own_address_);
    (void)settings_.roster.admit({file_.node, settings_.name, own ? *own : settings_.listen, false, false});
  }

  Disk& disk_;
  Settings& settings_;
  const Asker& asker_;
  MemberFile file_;
  bool was_member_ = false;       // before this start
  bool answered_ = false;         // anybody, when all were asked last
  std::optional<Error> refusal_;  // in this round
  int refusals_ = 0;              // rounds
  bool rejoins_now_ = false;      // said with the next question
  bool has_noted_vote_ = false;
  std::optional<bool> name_lives_;  // elsewhere, as those say who were asked in this round
  std::string own_address_;
  std::string not_known_;  // the host of an address that may be this one's
  std::string last_trouble_ = "nobody was asked";
};

}  // namespace

Error is_retired(const Settings& settings, const std::string& by) {
  return {ErrorKind::usage, fmt::format("'{}'", settings.name),
          fmt::format("peer {} says that the group goes on with another disk under this name: this state "
                      "directory is refused for ever",
                      by),
          fmt::format("move {} away; with an empty one this host comes to the group again by itself",
                      settings.options.state_dir)};
}

Status join(Disk& disk, Settings& settings, const Asker& asker) {
  return Joining(disk, settings, asker).run();
}

Result<bool> join_again(Disk& disk, Settings& settings, const Asker& asker) {
  return Joining(disk, settings, asker).run_again();
}

}  // namespace coord::daemon
