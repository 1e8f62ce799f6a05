// SPDX-License-Identifier: MIT
// The answerers of this host: tools that run a command for each question to a name. A question that comes is
// told to all of its name; what they reply is this host's answer, complete when all have replied.
//
// An answerer works on one after the other, and knows until when each is worth it. So a question takes one of
// its places until it has replied or it is too late; what it has not read yet is bounded beside that, for one
// that is stopped reads nothing.
//
// When a peer has been started again its answerers come back a moment later. A question of that moment is
// kept, and told to each that comes: else this host would have nobody who answers, and would not be
// missing. Who has asked an earlier life of the peer says so: the answerer is perhaps at work, and comes
// back when that is over. It is waited for until the answers would come too late, and without one this host
// has not answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "casts/messages.hpp"
#include "node/part.hpp"
#include "protocol/broadcast/gather.hpp"

namespace coord::casts {

class Answerers {
 public:
  // Questions that one has not answered yet; of more this host is missing.
  static constexpr std::size_t most_open = 16;
  // That one has not replied to, those too that it is too late for.
  static constexpr std::size_t most_unread = 64, most_unread_bytes = std::size_t{1} << 20U;
  static constexpr std::size_t most = 256;
  using Key = std::pair<replica::ConnectionId, std::uint64_t>;
  using Own = broadcast::Gather::Own;

  // It is told what is kept for it. False: there are too many.
  bool add(const Key& key, std::string name, node::PartActions& out);
  // What is this host's answer to those that it owes one.
  std::vector<Own> remove(replica::ConnectionId connection);
  // Told to all of its name, and for a while to those that come. An answer at once: there is none of
  // them and nothing to wait for, or one that has too many.
  // In two steps: until `first` whoever has not come is waited for; later only if no answer is there.
  struct ComeBackBy {
    Instant first, last;
    bool again = false;  // an earlier life was asked, so none is no answer
  };
  std::optional<Own> ask(Instant now, const Question& what, const ComeBackBy& by, node::PartActions& out);
  std::optional<Own> reply(const Key& key, const Reply& what);
  void forget(Instant now);  // what it is too late for
  // Answers that waited only for whoever may come.
  std::vector<Own> nobody_comes_any_more(Instant now);
  std::optional<Instant> deadline() const;
  std::size_t count() const { return answerers_.size(); }

 private:
  struct Answerer {
    std::string name;
    std::map<CastId, std::size_t> unread;  // and their sizes
    std::size_t unread_bytes = 0;
  };
  struct Open {
    Instant until;
    std::set<Key> waits_for;
    std::vector<broadcast::Payload> answers;
    bool is_cut = false;  // one of them will not answer
    std::optional<Question> kept;
    ComeBackBy come_back_by;
    // Nobody more is waited for that may come back.
    Instant kept_until() const {
      return waits_for.empty() && !answers.empty() ? come_back_by.first : come_back_by.last;
    }
  };
  void tell(const Key& key, Answerer& answerer, const Question& what, Open& open, node::PartActions& out);
  std::optional<Own> own(const CastId& id);
  std::size_t open_of(const Key& key) const;

  std::map<Key, Answerer> answerers_;
  std::map<CastId, Open> open_;
};

}  // namespace coord::casts
