// SPDX-License-Identifier: MIT
// Reads and writes of one copy: for whoever would rather have an answer than the newest one.
//
// Problem: a majority may be away, and a value that is old, or a write that others see later, is better than
// none. The obvious answer, the same operations with a smaller quorum, loses writes: a version is a dot, and
// a context says "all dots of this host up to this number", so a host that writes a key twice must know of
// its first write when it makes the second, and a copy that was asked the second time need not have the
// first. Algorithm: the copy that stores the value writes it, on its own disk and over what stands there, in
// one transaction; it has heard of all that it has written itself. It gives dots in a name of its own for
// that, so that they are apart from those that it gives where a majority answers. Then it sends the entry to
// the other copies. Who was away reads it when it is seen again (handing_over.cpp), or when somebody reads
// the key. A copy that cannot write now says so, and another one is asked; so it is when the writer falls
// silent. If that one had written all the same, the value is there twice, as siblings.
//
// A host that leaves takes no such write: it has read through what it hands over, and might be past this key.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "ring/replicas.hpp"
#include "ring/writer.hpp"

namespace coord::ring {

namespace {

constexpr Duration give_up_after = std::chrono::seconds(30);
constexpr std::size_t most_written = 16384;  // that are remembered
constexpr Duration delivered_within = std::chrono::seconds(30);
constexpr Duration writer_answers_within = std::chrono::seconds(3);

// `life`: in which it gives dots where a majority answers.
NodeId writer_of(const Host& host, [[maybe_unused]] std::uint64_t life) {
  return NodeId{COORD_RULE_OR(ring_one_copy_has_a_name_of_its_own, host.joined.value | by_itself,
                              name_in_life(host, life).value)};
}

}  // namespace

const Past& Replicas::past_of(const Work& work) {
  static const Past none{};
  return std::visit(
      [](const auto& what) -> const Past& {
        if constexpr (requires { what.past; }) {
          return what.past;
        } else {
          return none;
        }
      },
      work.what);
}

Copies Replicas::copies_of(const Work& work) {
  return std::visit(
      [](const auto& what) {
        if constexpr (requires { what.copies; }) {
          return what.copies;
        } else {
          return Copies{};
        }
      },
      work.what);
}

bool Replicas::wants_one(const Work& work) {
  return std::visit(
      [](const auto& what) {
        if constexpr (requires { what.consistency; }) return what.consistency != Consistency::quorum;
        return false;
      },
      work.what);
}

// This host's own copy if it has one that is whole; else all others, and the first that answers counts.
void Replicas::ask_one(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  const Ring& ring = rings_.at(operation.ring);
  switch (operation.phase) {
    case Operation::Phase::reading: {
      // Disks have said no, and the other copies cannot write now, or do not answer.
      if (!operation.not_stored.empty() && now_ - operation.refused_at >= writer_answers_within) {
        if (operation.may_be_stored) return finish(id, partly(operation));
        return finish(id, refused_by_disks(operation, operation.not_stored.size()));
      }
      // The others have had time to answer a read of what nobody gave.
      const bool is_read = std::holds_alternative<Get>(operation.work->what);
      if (is_read && now_ - operation.heard >= writer_answers_within) operation.passed_over.clear();
      Hosts hosts = operation.set.readable();
      std::erase_if(hosts, [&](const Host& host) {
        return operation.not_stored.contains(host) || operation.passed_over.contains(host);
      });
      const Host* host = own(ring);
      // Others too, once it has said less than the session knows.
      const bool is_here = operation.copies <= 1 && host != nullptr && is_complete(operation.ring, ring) &&
                           std::ranges::find(hosts, *host) != hosts.end() && !operation.seen.contains(*host);
      if (is_here) hosts = {*host};
      for (const Host& each : hosts)
        send(each.host, copies::AskEntry{id, operation.ring, Token{}, operation.key});
      return;
    }
    case Operation::Phase::storing: {
      if (now_ - operation.heard >= writer_answers_within) {
        operation.may_be_stored = true;
        return pass_over_writer(id);
      }
      const auto* put = std::get_if<Put>(&operation.work->what);
      const Bytes& value = operation.work->value;
      copies::WriteOne write{id,
                             operation.ring,
                             operation.key,
                             put == nullptr,
                             operation.work->time,
                             put ? put->replaces : std::get<Remove>(operation.work->what).replaces,
                             value.size(),
                             operation.dot,
                             {}};
      if (value.size() <= chunk_bytes) write.value = value;
      write.past = past_of(*operation.work);
      const Entry known = all_of(operation.seen);
      if (!known.has_heard_of_all(waited_for(*operation.work)) && is_collected(id)) {
        const auto is_gone = [&](const Dot& dot) { return !known.has_heard_of(dot); };
        std::erase_if(write.past.at_least, is_gone);
        if (write.replaces) std::erase_if(*write.replaces, is_gone);
      }
      write.copies = std::max(1U, operation.copies);
      write.user = operation.work->user;
      write.all_users = operation.work->all_users;
      send(operation.writer->host, std::move(write));
      return;
    }
    case Operation::Phase::fetching:
      return fetch(id);
    case Operation::Phase::waiting:
      return;
  }
}

void Replicas::go_on_with_one(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  if (operation.phase != Operation::Phase::reading) return;
  const bool is_read = std::holds_alternative<Get>(operation.work->what);
  if (is_read && operation.seen.size() >= std::max(1U, operation.copies)) {
    const std::vector<Dot>& at_least = past_of(*operation.work).at_least;
    // What the session saw was removed, or that record was even collected: there is nothing to wait for.
    if (COORD_RULE(ring_causal_read_waits_for_its_past,
                   all_of(operation.seen).has_heard_of_all(at_least) || is_collected(id)))
      return answer_read(id);
    const bool is_all = operation.seen.size() >= operation.set.all().size();
    if (is_all) operation.seen.clear();       // asked anew before long
    if (operation.seen.size() == 1) ask(id);  // this host's own: the others now
    return;
  }
  const auto writer = std::ranges::find_if(operation.seen, [&](const auto& seen) {
    return !operation.not_stored.contains(seen.first) && !operation.passed_over.contains(seen.first);
  });
  if (is_read || writer == operation.seen.end()) return;
  operation.writer = writer->first;
  operation.dot = Dot{NodeId{}, id};
  operation.heard = now_;
  operation.phase = Operation::Phase::storing;
  ask(id);
}

void Replicas::pass_over_writer(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.passed_over.insert(*operation.writer);
  next_writer(id);
}

// When all have been asked, all whose disks have not said no are asked anew, but not at once.
void Replicas::next_writer(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.phase = Operation::Phase::reading;
  const Hosts set = operation.set.readable();
  if (std::ranges::all_of(set, [&](const Host& host) {
        return operation.not_stored.contains(host) || operation.passed_over.contains(host);
      })) {
    // Copies that lack what others have get it, so that one of them can write.
    repair_copies(operation, all_of(operation.seen));
    operation.passed_over.clear();
    operation.seen.clear();
    return;
  }
  ask(id);
  if (operations_.contains(id)) go_on_with_one(id);
}

void Replicas::receive(NodeId from, copies::WritingOne&& message) {
  const auto found = operations_.find(message.operation);
  if (found == operations_.end()) return;
  Operation& operation = found->second;
  if (operation.phase != Operation::Phase::storing || !operation.writer || operation.writer->host != from)
    return;
  operation.heard = now_;
  operation.on_disks = message.stored;
  if (message.stored > 0) operation.may_be_stored = true;
  if (!message.is_under_way) pass_over_writer(message.operation);
}

// The writer's disk has said no: the next one, or nobody is left.
void Replicas::give_up_with_one(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  const std::size_t copies = operation.set.readable().size();
  if (operation.not_stored.size() == 1) operation.refused_at = now_;
  if (operation.not_stored.size() < copies) return next_writer(id);
  finish(id, refused_by_disks(operation, copies));
}

void Replicas::receive(NodeId from, copies::WroteOne&& message) {
  const auto found = operations_.find(message.operation);
  if (found == operations_.end() || message.by.host != from) return;
  const Operation& operation = found->second;
  // Also one that was passed over: it had it on the disk, and was late to say so.
  if (operation.writer != message.by && !operation.passed_over.contains(message.by)) return;
  const std::uint64_t id = message.operation;
  if (message.too_many_siblings)
    return finish(id, Refused{Why::usage, "the key has too many siblings already"});
  if (!message.dot) return finish(id, Absent{});
  Stored stored{*message.dot, message.entry.values()};
  std::erase_if(stored.beside, [&](const Version& other) { return other.dot == stored.dot; });
  finish(id, stored);
}

// ---- the copy that writes

// Who comes has not read yet what it wrote itself when it was in before.
bool Replicas::writes_by_itself(const std::string& name, const std::string& key) {
  const auto found = rings_.find(name);
  if (found == rings_.end() || !is_complete(name, found->second)) return false;
  const Placement& placement = found->second.placement;
  if (!COORD_RULE(ring_leaver_writes_nothing_new, !placement.is_leaving(self_))) return false;
  const Hosts set = placement.of_key(key).readable();
  return std::ranges::find(set, *own(found->second)) != set.end();
}

void Replicas::receive(NodeId from, copies::WriteOne&& message) {
  if (const auto found = written_.find({from, message.operation}); found != written_.end())
    return answer_written(found->second);
  for (const auto& [id, taking] : takings_) {
    if (taking.write && taking.from == from && taking.operation == message.operation)
      return send(from, copies::WritingOne{message.operation, true, 0});
  }
  const bool fits = takings_.size() < most_takings && message.size <= largest_value &&
                    taking_bytes_ + message.value.size() <= most_taking_bytes;
  if (!fits || !writes_by_itself(message.ring, message.key))
    return send(from, copies::WritingOne{message.operation, false, 0});
  const Ring& ring = rings_.at(message.ring);
  Taking taking;
  taking.from = from;
  taking.operation = message.operation;
  taking.number = ring.placement.number();
  taking.merge = Merge{message.ring, message.key, {}, {}, {}};
  taking.until = now_ + give_up_after;
  taking.write = WriteHere{stored_ring(message.ring),
                           message.key,
                           writer_of(*own(ring), life_),
                           message.removed,
                           message.time,
                           std::move(message.replaces),
                           {},
                           std::move(message.past),
                           {},
                           {},
                           false,
                           false,
                           std::move(message.user),
                           message.all_users};
  taking.copies = message.copies;
  taking.sizes[message.dot] = message.size;
  const bool is_here = message.value.size() == message.size;
  taking_bytes_ += is_here ? message.value.size() : 0;
  taking.merge.values[message.dot] = is_here ? std::move(message.value) : Bytes();
  taking.merge.lacks = {message.dot};
  taking.holders = {{message.dot, from}};
  const std::uint64_t id = ++last_;
  takings_.emplace(id, std::move(taking));
  go_on_taking(id);
}

// The value is here.
void Replicas::write_here(std::uint64_t id) {
  const Taking& taking = takings_.at(id);
  // It may have been another number of the ring when the value began to come.
  if (!writes_by_itself(taking.merge.ring, taking.merge.key)) {
    takings_.at(id).is_at_disk = false;
    return taken(id, false);
  }
  WriteHere write = *taking.write;
  write.value = taking.merge.values.begin()->second;
  perform(std::move(write), [this, id](InnerWork& work) {
    if (!takings_.contains(id)) return;
    if (work.failed) return taken(id, false, work.failed);
    if (std::get<WriteHere>(work.what).is_behind) return taken(id, false);
    wrote_here(id, std::move(std::get<WriteHere>(work.what)));
  });
}

void Replicas::wrote_here(std::uint64_t id, WriteHere&& did) {
  const Taking taking = takings_.at(id);
  taken(id, true);
  const auto found = rings_.find(taking.merge.ring);
  if (found == rings_.end() || own(found->second) == nullptr) return;
  const Host by = *own(found->second);
  // Of the entry who has asked is told no more than the values.
  const Entry told{{}, did.entry.values()};
  const WroteFor asked{taking.from, taking.operation};
  Written written{
      taking.from, {taking.operation, by, did.dot, told, did.too_many_siblings}, 0, taking.copies, 1};
  if (!did.dot) {
    written.copies = 1;
    return answer_written(remember_written(asked, std::move(written)));
  }
  Delivery delivery;
  delivery.ring = taking.merge.ring;
  delivery.number = found->second.placement.number();
  delivery.row = {did.key, std::move(did.entry)};
  for (const Version& version : delivery.row.entry.values()) delivery.holders.push_back({version.dot, self_});
  delivery.stored = {by};
  delivery.until = now_ + delivered_within;
  const std::uint64_t number = ++last_;
  copies::Store store{
      number, delivery.ring, delivery.number, did.key, delivery.row.entry, delivery.holders, {}, {}};
  store.is_acknowledged = true;
  if (!did.removed && did.value.size() <= chunk_bytes) {
    store.dot = did.dot;
    store.value = std::move(did.value);
  }
  written.delivery = number;
  if (written.copies > 1) delivery.awaited_by = asked;
  Written& done = remember_written(asked, std::move(written));
  deliver(number, std::move(delivery));
  answer_written(done);
  for (const Host& other : found->second.placement.of_key(did.key).all()) {
    if (other.host != self_) send(other.host, store);
  }
}

// The oldest is forgotten that nobody waits for: whoever asked for it has been answered, or asks no more.
Replicas::Written& Replicas::remember_written(const WroteFor& asked, Written written) {
  const auto is_awaited = [this](const WroteFor& each) {
    const Written& which = written_.at(each);
    return which.stored < which.copies && deliveries_.contains(which.delivery);
  };
  while (written_in_order_.size() >= most_written) {
    auto oldest = std::ranges::find_if_not(written_in_order_, is_awaited);
    if (oldest == written_in_order_.end()) oldest = written_in_order_.begin();
    written_.erase(*oldest);
    written_in_order_.erase(oldest);
  }
  written_in_order_.push_back(asked);
  return written_.insert_or_assign(asked, std::move(written)).first->second;
}

void Replicas::count_written(const WroteFor& asked, std::uint32_t stored) {
  const auto found = written_.find(asked);
  if (found == written_.end() || found->second.stored >= found->second.copies) return;
  found->second.stored = stored;
  if (found->second.stored >= found->second.copies) answer_written(found->second);
}

// While whoever asked is there, it goes on to the others.
void Replicas::answer_written(Written& written) {
  if (COORD_RULE(ring_weak_write_is_on_as_many_as_was_said, written.stored >= written.copies))
    return send(written.from, written.answer);
  if (const auto delivery = deliveries_.find(written.delivery); delivery != deliveries_.end())
    delivery->second.until = now_ + delivered_within;
  send(written.from, copies::WritingOne{written.answer.operation, true, written.stored});
}

}  // namespace coord::ring
