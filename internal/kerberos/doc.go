// Package kerberos gets tickets for one account from the key distribution centres (KDCs) of its realm and makes of them the tokens
// that HTTP servers take; what is sent along with a token belongs elsewhere.
//
// The messages are those of github.com/jcmturner/gokrb5. Its client is used for one exchange at a time and then put away, because it
// renews tickets by itself: it would go on trying a password that has been changed until the account is locked.
package kerberos
