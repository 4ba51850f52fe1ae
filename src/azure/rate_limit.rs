//! How many more requests Resource Manager takes, as its answers say.

/// Defines the limits once: variant, label, and header.
macro_rules! limits {
    ($($(#[$doc:meta])* $limit:ident => $name:literal;)+) => {
        /// A limit whose rest Resource Manager tells with every answer that counts against it, in the header
        /// `x-ms-ratelimit-remaining-` followed by the limit's name. Each identity has limits of its own.
        /// Source: Azure's page "Understand how Azure Resource Manager throttles requests", and recordings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RateLimit { $($(#[$doc])* $limit),+ }

        impl RateLimit {
            /// Every limit.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$limit),+];

            /// The name of the limit.
            pub fn name(self) -> &'static str {
                match self { $(Self::$limit => $name),+ }
            }

            /// The header that says how much of it is left.
            pub(super) fn header(self) -> &'static str {
                match self { $(Self::$limit => concat!("x-ms-ratelimit-remaining-", $name)),+ }
            }
        }
    };
}

limits! {
    /// Reads in a subscription.
    SubscriptionReads => "subscription-reads";
    /// Writes in a subscription.
    SubscriptionWrites => "subscription-writes";
    /// Deletions in a subscription.
    SubscriptionDeletes => "subscription-deletes";
    /// Reads in a subscription, by all identities together.
    SubscriptionGlobalReads => "subscription-global-reads";
    /// Writes in a subscription, by all identities together.
    SubscriptionGlobalWrites => "subscription-global-writes";
    /// Deletions in a subscription, by all identities together.
    SubscriptionGlobalDeletes => "subscription-global-deletes";
    /// Requests of the kind just made, where the resource provider has a limit of its own in place of the others.
    SubscriptionResourceRequests => "subscription-resource-requests";
}
