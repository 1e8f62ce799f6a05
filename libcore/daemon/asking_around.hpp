// SPDX-License-Identifier: MIT
// What a host asks at addresses, or says there, under the group's key alone, beside all that it does.
//
// The problem: links are between hosts that know each other's names and numbers. One whose disk was lost, or
// that was away for long, may know nobody of its group as he is by now: the others came anew, or were
// replaced, or their list of voters has nobody in common with its own. Nobody who could tell it that its vote
// was taken away has a link to it, and it waits for ever.
//
// So who is mute, or sees nobody lead, asks what its own number is to the group, wherever somebody of it
// should be: by its list, by what it knew last, or where it was told that the group lives. Any host of the
// group answers that, whether it votes or not (introducing.hpp). Threading: a WorkThread's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "net/introduction.hpp"
#include "node/part.hpp"

namespace coord::daemon {

// Asks who is there, and says something with that. What he answers does not matter.
struct Remind : node::Work {
  Remind(net::KeyRing with, std::vector<net::Address> whom, wire::IntroductionQuestion what)
      : keys(std::move(with)), addresses(std::move(whom)), question(std::move(what)) {}
  net::KeyRing keys;
  std::vector<net::Address> addresses;
  wire::IntroductionQuestion question;
};

struct AskAround : node::Work {
  AskAround(net::KeyRing with, std::vector<net::Address> whom, wire::IntroductionQuestion what)
      : keys(std::move(with)), addresses(std::move(whom)), question(std::move(what)) {}
  net::KeyRing keys;
  std::vector<net::Address> addresses;
  wire::IntroductionQuestion question;
  Result<net::IntroducedBy> answer = Error{ErrorKind::unavailable, "", "not asked yet", ""};
};

class AroundAsker final : public node::Worker {
 public:
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;
};

enum class OwnPlace {
  unknown,  // who answers cannot say
  foreign,  // he is of another group
  kept,     // the number that was asked with votes, or learns
  out       // it does neither, and that is committed
};
// Of a host with `founders` in its list (empty: that does not matter), of that group (empty: it does not
// know), that knows what was so at `seen` of the log.
OwnPlace own_place(const wire::Introduction& said, const std::string& group, std::vector<NodeId> founders,
                   LogIndex seen = {});

// Who stands goes by its own log. `word` is the last entry of that which says who votes, `own` that of this
// host's log, which names that number or does not. A disk that was lost, and turns up again, names its
// number, and knows nothing of the change that took its vote.
bool is_heard_by_its_word(LogIndex word, LogIndex own, bool is_named_here);

}  // namespace coord::daemon
