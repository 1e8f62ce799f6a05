// SPDX-License-Identifier: MIT
// A host asks a group that it knows one address of who is there, and to be taken in.
//
// Problem: a link is between two peers that know each other's names: its key is derived from both
// (net/psk.hpp), and who is in nobody's list is refused. A host that comes later knows one address, and
// nobody knows it. Taking anybody's link would undo that; a list on each host is what groups outgrow.
//
// So there is one exchange of another kind, under a key that is derived for it alone, in which no name is
// proven and nothing else can be said: one question, one answer, and the connection ends
// (wire/introduction.hpp). Who has the group's key may ask. The answer comes from the group's own state, so
// only a peer that has one answers, and what is asked for (to be admitted) is a command in the group's log.
// Links are made as ever, once that is applied. Threading: it blocks, and is for no pump. All
// addresses are asked on the caller's thread; looking a name up may take longer than he waits
// (name_lookups.hpp).
#pragma once

#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "net/key_file.hpp"
#include "wire/introduction.hpp"

namespace coord::net {

// ErrorKind::unavailable: nobody has answered there, or it cannot now. ErrorKind::data: who is there refuses
// the key, or speaks otherwise.
Result<wire::Introduction> ask_introduction(const KeyRing& keys, const Address& address,
                                            const wire::IntroductionQuestion& question, Duration patience);
// Asks all at once: the first that introduces is who counts. The error is that of the last one that gave one.
using IntroducedBy = std::pair<Address, wire::Introduction>;
Result<IntroducedBy> ask_introduction_of_any(const KeyRing& keys, const std::vector<Address>& addresses,
                                             const wire::IntroductionQuestion& question, Duration patience);
// Asks all at once and waits for each as long: for what they hear by that.
void tell_introduction(const KeyRing& keys, const std::vector<Address>& addresses,
                       const wire::IntroductionQuestion& question, Duration patience);

}  // namespace coord::net
