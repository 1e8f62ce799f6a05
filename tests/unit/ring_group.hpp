// SPDX-License-Identifier: MIT
// A ring of several hosts, in one process: real files, messages that are delivered or lost, and a group that
// has agreed on what each case says.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ring/replicas.hpp"
#include "table/sqlite_storage.hpp"
#include "wire/codec.hpp"

namespace coord::ring {

// Hosts that speak to each other, and what the group has agreed on.
class Group {
 public:
  explicit Group(std::size_t size) {
    std::string name = (std::filesystem::temp_directory_path() / "rings-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    for (std::uint64_t id = 1; id <= size; ++id) start(id);
  }
  ~Group() { std::filesystem::remove_all(directory_); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void start(std::uint64_t id) {
    hosts_[id].replicas = std::make_unique<Replicas>(NodeId{id}, std::map<NodeId, std::string>{},
                                                     ++lives_ * 0x9e3779b97f4a7c15U);
    hosts_[id].worker = std::make_unique<StorageWorker>(
        NodeId{id}, [file = file(id)] { return table::open_sqlite(file); }, quota);
    hosts_[id].batch.clear();
  }
  std::string file(std::uint64_t id) const { return (directory_ / ("ring" + std::to_string(id))).string(); }
  void stop(std::uint64_t id) { hosts_.erase(id); }
  void lose_disk(std::uint64_t id) {
    stop(id);
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file(id) + suffix);
  }

  // The group agrees; the ring's name is r.
  service::Ring ring;
  void agree() {
    ring.number = Token{++last_token_};
    kept_.rings["r"] = ring;
    run();
  }
  std::map<std::uint64_t, std::string> zones;  // of hosts that join from now on
  Token join(std::uint64_t id) {
    ring.replicas = 3;
    ring.before = ring.hosts;
    std::erase_if(ring.hosts, [&](const Host& each) { return each.host == NodeId{id}; });
    ring.hosts.push_back({NodeId{id}, Token{last_token_ + 1}, 8, zones[id]});
    std::ranges::sort(ring.hosts);
    agree();
    return ring.number;
  }
  // It is in already, and stands elsewhere.
  Token move(std::uint64_t id, std::uint32_t places, const std::string& zone) {
    ring.before = ring.hosts;
    const auto own = std::ranges::find(ring.hosts, NodeId{id}, &Host::host);
    *own = Host{own->host, own->joined, places, zone};
    agree();
    return ring.number;
  }
  bool whole_move(std::uint64_t id, std::uint32_t places, const std::string& zone) {
    const Token number = move(id, places, zone);
    if (!std::holds_alternative<HandedOver>(ask(id, AwaitHandOver{"r", number}))) return false;
    settle();
    return true;
  }
  Token leave(std::uint64_t id) {
    ring.before = ring.hosts;
    std::erase_if(ring.hosts, [&](const Host& each) { return each.host == NodeId{id}; });
    agree();
    return ring.number;
  }
  void settle() {
    ring.before.clear();
    agree();
  }
  // Its log is behind: what was agreed on last is not in what its hosts read.
  void read_earlier(Token number) {
    kept_.rings["r"].number = number;
    run();
  }
  // The last host has gone.
  void end_ring() {
    ++last_token_;
    kept_.rings.clear();
    run();
  }
  // A tool asks before the host's disk was looked at.
  void hold(std::uint64_t at) {
    auto work = std::make_shared<Work>();
    work->what = AskStatus{"r"};
    hosts_.at(at).replicas->hold(work);
  }
  Replicas::Standing standing(std::uint64_t id) const { return hosts_.at(id).replicas->standing("r"); }
  // As chordctl does it.
  bool whole_join(std::uint64_t id) {
    const Token number = join(id);
    if (!std::holds_alternative<HandedOver>(ask(id, AwaitHandOver{"r", number}))) return false;
    settle();
    return true;
  }
  void found(std::size_t size) {
    for (std::uint64_t id = 1; id <= size; ++id) REQUIRE(whole_join(id));
  }

  // Sent, and not looked at yet.
  std::uint64_t begin(std::uint64_t at, Request what, const std::string& value = "") {
    auto work = std::make_shared<Work>();
    work->connection = replica::ConnectionId{1};
    work->request = ++last_request_;
    work->what = std::move(what);
    work->value = Bytes(value.begin(), value.end());
    work->all_users = user.empty();
    work->user = user;
    hosts_.at(at).replicas->look_at(now_, known_to(at), last_known_to(at));
    hosts_.at(at).replicas->begin(work);
    return last_request_;
  }
  Answer ask(std::uint64_t at, Request what, const std::string& value = "") {
    const std::uint64_t request = begin(at, std::move(what), value);
    for (int i = 0; i < 20 && !told.contains(request); ++i) run();
    return told.contains(request) ? told.at(request) : Answer(Refused{Why::failed, "no answer"});
  }
  Answer put(std::uint64_t at, const std::string& key, const std::string& value) {
    return ask(at, Put{"r", key, value.size(), {}, {}, std::chrono::seconds(2)}, value);
  }
  std::string get(std::uint64_t at, const std::string& key) {
    std::string value;
    for (;;) {
      const Answer answer = ask(at, Get{"r", key, {}, value.size(), std::chrono::seconds(2)});
      if (std::holds_alternative<Absent>(answer)) return "absent";
      const auto* found = std::get_if<Found>(&answer);
      if (found == nullptr) return "no quorum";
      if (found->versions.size() > 1) return "siblings";
      value.append(found->chunk.begin(), found->chunk.end());
      if (value.size() >= found->versions.front().size) return value;
    }
  }
  Answer put_one(std::uint64_t at, const std::string& key, const std::string& value,
                 std::optional<std::vector<Dot>> replaces = {}) {
    return ask(
        at, Put{"r", key, value.size(), {}, std::move(replaces), std::chrono::seconds(2), Consistency::one},
        value);
  }
  std::string get_one(std::uint64_t at, const std::string& key) {
    std::string value;
    for (;;) {
      const Answer answer =
          ask(at, Get{"r", key, {}, value.size(), std::chrono::seconds(2), Consistency::one});
      if (std::holds_alternative<Absent>(answer)) return "absent";
      const auto* found = std::get_if<Found>(&answer);
      if (found == nullptr) return "nobody";
      if (found->versions.size() > 1) return "siblings";
      value.append(found->chunk.begin(), found->chunk.end());
      if (value.size() >= found->versions.front().size) return value;
    }
  }
  // Hosts `one` to `other` hear nothing of each other, or do again.
  void part(std::uint64_t one, std::uint64_t other) { cut.insert({{one, other}, {other, one}}); }
  void see(std::uint64_t one, std::uint64_t other) {
    hosts_.at(one).replicas->greeted(NodeId{other});
    hosts_.at(other).replicas->greeted(NodeId{one});
  }
  // A key whose copies are on exactly these hosts.
  std::string key_on(const std::set<std::uint64_t>& hosts) const {
    const Placement placement(ring);
    for (int i = 0;; ++i) {
      std::set<std::uint64_t> of;
      for (const Host& host : placement.of_key(std::to_string(i)).now) of.insert(host.host.value);
      if (of == hosts) return std::to_string(i);
    }
  }
  // A key of hosts 1, 2 and 3 that is of 1, 2 and `joins` once that one has come as the next host.
  std::string key_that_moves(std::uint64_t joins) const {
    service::Ring after = ring;
    after.hosts.push_back({NodeId{joins}, Token{99}, 8});
    const auto ids = [](const Hosts& hosts) {
      std::set<std::uint64_t> all;
      for (const Host& host : hosts) all.insert(host.host.value);
      return all;
    };
    for (int i = 0;; ++i) {
      const std::string key = std::to_string(i);
      if (ids(Placement(ring).of_key(key).now) == std::set<std::uint64_t>{1, 2, 3} &&
          ids(Placement(after).of_key(key).now) == std::set<std::uint64_t>{1, 2, joins})
        return key;
    }
  }
  // It is on that host's disk.
  bool keeps(std::uint64_t id, const std::string& key) {
    auto look = std::make_shared<InnerWork>();
    look->what = Look{hosts_.at(id).replicas->stored_ring("r"), key, {}};
    std::vector<std::shared_ptr<node::Work>> batch{look};
    hosts_.at(id).worker->perform(batch);
    return !std::get<Look>(look->what).entry.versions.empty();
  }
  // How many keys are on that host's disk under this name.
  std::size_t rows(std::uint64_t id, const std::string& stored) {
    auto read = std::make_shared<InnerWork>();
    read->what = ReadRows{stored, {}, {}, {}, false};
    std::vector<std::shared_ptr<node::Work>> batch{read};
    hosts_.at(id).worker->perform(batch);
    return std::get<ReadRows>(read->what).rows.size();
  }
  std::string stored_ring(std::uint64_t id) const { return hosts_.at(id).replicas->stored_ring("r"); }
  // Messages of this kind that were sent so far.
  template <class Kind>
  std::size_t sent() const {
    return sent_.contains(copies::Message(Kind{}).index()) ? sent_.at(copies::Message(Kind{}).index()) : 0;
  }
  // What that host has asked of its disk so far.
  template <class Kind>
  std::size_t asked_of_disk(std::uint64_t id) {
    return asked_of_disk_[{id, Inner(Kind{}).index()}];
  }
  // As `chordctl ring --adopt` does it, for one host: the first `lost` leaves.
  bool adopt(std::uint64_t at, const std::vector<NodeId>& lost) {
    const Token number = leave(lost.front().value);
    if (!std::holds_alternative<HandedOver>(ask(at, AwaitHandOver{"r", number, lost}))) return false;
    settle();
    return true;
  }
  // Nothing happens meanwhile.
  void pass(Duration time) { now_ += time; }
  // What waits on its way from one host to another goes on.
  void release() {
    held.clear();
    for (Message& message : std::exchange(waiting_, {})) wire_.push_back(std::move(message));
  }
  // Half a second, in steps.
  void run() {
    for (int i = 0; i < 10; ++i) {
      now_ += std::chrono::milliseconds(50);
      for (auto& [id, host] : hosts_) {
        host.replicas->look_at(now_, known_to(id), last_known_to(id));
        static_cast<void>(host.replicas->take_ready());
        host.replicas->tick();
        take(id);
      }
      for (int busy = 0; busy < 200 && deliver(); ++busy) {
      }
    }
  }

  std::string user;  // who asks from now on; empty: root
  Quota quota{};     // of hosts that start from now on
  std::map<std::uint64_t, Answer> told;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut;             // from, to
  std::set<std::pair<std::uint64_t, std::uint64_t>> held;            // from, to: what is sent waits, in order
  std::set<std::uint64_t> full;                                      // hosts whose disks have no room
  std::set<std::uint64_t> unreadable;                                // hosts whose files cannot be opened
  std::function<bool(std::uint64_t host, const Inner& what)> stuck;  // what a disk does not end
  // Which messages are lost besides.
  std::function<bool(std::uint64_t from, std::uint64_t to, const copies::Message&)> loses;
  std::set<std::uint64_t> behind;  // have not heard what was agreed on since agree_without()
  // Host `from` says to `to` that it has nothing, in answer to each of the operations 1 to `most`.
  void answer_all(std::uint64_t from, std::uint64_t to, std::uint64_t most) {
    const auto by = std::ranges::find(ring.hosts, NodeId{from}, &Host::host);
    for (std::uint64_t operation = 1; operation <= most; ++operation) {
      const copies::Message message = copies::EntryIs{operation, ring.number, *by, {}};
      wire_.push_back({from, to, wire::encode(message)});
    }
  }
  // From now on these hosts hear of nothing that is agreed on.
  void agree_without(std::set<std::uint64_t> hosts) {
    earlier_ = kept_;
    earlier_last_ = last_token_;
    behind = std::move(hosts);
  }

 private:
  struct One {
    std::unique_ptr<Replicas> replicas;
    std::unique_ptr<StorageWorker> worker;
    std::vector<std::shared_ptr<node::Work>> batch;
  };
  struct Message {
    std::uint64_t from, to;
    Bytes bytes;
  };

  const service::KeptRings* known_to(std::uint64_t id) const {
    return behind.contains(id) ? &earlier_ : &kept_;
  }

  Token last_known_to(std::uint64_t id) const {
    return Token{behind.contains(id) ? earlier_last_ : last_token_};
  }

  // What writes, on a disk that is full.
  static bool is_refused(const std::shared_ptr<node::Work>& work) {
    auto& inner = dynamic_cast<InnerWork&>(*work);
    const bool writes =
        std::holds_alternative<Reserve>(inner.what) || std::holds_alternative<Merge>(inner.what) ||
        std::holds_alternative<WriteHere>(inner.what) || std::holds_alternative<SetMembership>(inner.what);
    if (writes) inner.failed = full_error("ring");
    return writes;
  }
  void perform(std::uint64_t id, const std::vector<std::shared_ptr<node::Work>>& batch) {
    std::vector<std::shared_ptr<node::Work>> at_disk;
    for (const auto& work : batch) {
      if (unreadable.contains(id)) dynamic_cast<InnerWork&>(*work).failed = full_error("ring");
      if (unreadable.contains(id) || (full.contains(id) && is_refused(work))) continue;
      at_disk.push_back(work);
    }
    if (!at_disk.empty()) hosts_.at(id).worker->perform(at_disk);
  }
  // Puts back what is stuck.
  void hold_back(std::uint64_t id, std::vector<std::shared_ptr<node::Work>>& batch) {
    if (!stuck) return;
    std::erase_if(batch, [&](const auto& work) {
      if (!stuck(id, dynamic_cast<InnerWork&>(*work).what)) return false;
      hosts_.at(id).batch.push_back(work);
      return true;
    });
  }

  bool deliver() {
    bool any = false;
    for (auto& [id, host] : hosts_) {
      host.replicas->look_at(now_, known_to(id), last_known_to(id));
      host.replicas->tick();
      auto batch = std::exchange(host.batch, {});
      hold_back(id, batch);
      any = any || !batch.empty();
      perform(id, batch);
      for (auto& each : batch) host.replicas->worked(dynamic_cast<InnerWork&>(*each));
      host.replicas->tick();
      take(id);
    }
    for (Message& message : std::exchange(wire_, {})) {
      any = true;
      if (!hosts_.contains(message.to) || cut.contains({message.from, message.to})) continue;
      if (held.contains({message.from, message.to})) {
        waiting_.push_back(std::move(message));
        continue;
      }
      if (loses && loses(message.from, message.to, *wire::decode<copies::Message>(message.bytes))) continue;
      auto& host = hosts_.at(message.to);
      host.replicas->look_at(now_, known_to(message.to), last_known_to(message.to));
      CHECK(host.replicas->heard(node::FromPeer{NodeId{message.from}, message.bytes}));
      host.replicas->tick();
      take(message.to);
    }
    return any;
  }
  void take(std::uint64_t id) {
    for (auto& action : hosts_.at(id).replicas->take_actions()) {
      if (auto* send = std::get_if<node::Send>(&action)) {
        ++sent_[wire::decode<copies::Message>(send->bytes)->index()];
        wire_.push_back({id, send->to.value, send->bytes});
      }
      if (auto* work = std::get_if<node::Do>(&action)) {
        ++asked_of_disk_[{id, dynamic_cast<InnerWork&>(*work->work).what.index()}];
        hosts_.at(id).batch.push_back(work->work);
      }
      if (auto* answer = std::get_if<node::ToTool>(&action)) {
        auto read = wire::decode<Answer>(answer->bytes);
        REQUIRE(read);
        told[answer->request] = *read;
      }
    }
  }

  std::filesystem::path directory_;
  std::map<std::uint64_t, One> hosts_;
  std::vector<Message> wire_, waiting_;
  std::map<std::size_t, std::size_t> sent_;
  std::map<std::pair<std::uint64_t, std::size_t>, std::size_t> asked_of_disk_;
  service::KeptRings kept_, earlier_;
  Instant now_{};
  std::uint64_t last_token_ = 10, earlier_last_ = 0, last_request_ = 0, lives_ = 0;
};

inline bool is_stored(const Answer& answer) {
  return std::holds_alternative<Stored>(answer);
}

}  // namespace coord::ring
