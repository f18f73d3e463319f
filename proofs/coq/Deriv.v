(* Derivatives of real functions, in plain form: Coquelicot's rules without its spaces. No claim of its own. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base.
Open Scope R_scope.

Lemma derive_value (f : R -> R) (x d e : R) : is_derive f x d -> d = e -> is_derive f x e.   (* prove a derivative, then tidy its value *)
Proof. intros H <-. exact H. Qed.
Lemma derive_const (c x : R) : is_derive (fun _ => c) x 0.
Proof. exact (is_derive_const (K := R_AbsRing) (V := R_NormedModule) c x). Qed.
Lemma derive_plus (f g : R -> R) (x a b : R) : is_derive f x a -> is_derive g x b -> is_derive (fun t => f t + g t) x (a + b).
Proof. exact (is_derive_plus (K := R_AbsRing) (V := R_NormedModule) f g x a b). Qed.
Lemma derive_minus (f g : R -> R) (x a b : R) : is_derive f x a -> is_derive g x b -> is_derive (fun t => f t - g t) x (a - b).
Proof. exact (is_derive_minus (K := R_AbsRing) (V := R_NormedModule) f g x a b). Qed.
Lemma derive_opp (f : R -> R) (x a : R) : is_derive f x a -> is_derive (fun t => - f t) x (- a).
Proof. exact (is_derive_opp (K := R_AbsRing) (V := R_NormedModule) f x a). Qed.
Lemma derive_scal (f : R -> R) (k x a : R) : is_derive f x a -> is_derive (fun t => k * f t) x (k * a).
Proof. intros. apply is_derive_scal, H. Qed.
Lemma derive_comp (f g : R -> R) (x a b : R) : is_derive f (g x) a -> is_derive g x b -> is_derive (fun t => f (g t)) x (a * b).
Proof. intros F G. eapply derive_value; [exact (is_derive_comp f g x a b F G)|]. apply Rmult_comm. Qed.
Lemma derive_exp x : is_derive exp x (exp x).
Proof. apply is_derive_exp. Qed.
Lemma derive_ln x : 0 < x -> is_derive ln x (/ x).
Proof. intros. apply is_derive_Reals, derivable_pt_lim_ln, H. Qed.
Lemma derive_Sum n (f : nat -> R -> R) d x : (forall j, (j < n)%nat -> is_derive (f j) x (d j)) ->
  is_derive (fun t => Σ j < n, f j t) x (Sum n d).
Proof. induction n; simpl; intros H; [apply derive_const|apply derive_plus; auto]. Qed.

Lemma derive_id x : is_derive (fun t => t) x 1.
Proof. apply (is_derive_id (K := R_AbsRing)). Qed.
Lemma derive_mult (f g : R -> R) (x a b : R) : is_derive f x a -> is_derive g x b -> is_derive (fun t => f t * g t) x (a * g x + f x * b).
Proof. intros A B. exact (is_derive_mult f g x a b A B Rmult_comm). Qed.
Lemma derive_unique (f : R -> R) (x a b : R) : is_derive f x a -> is_derive f x b -> a = b.
Proof. intros A B. rewrite <- (is_derive_unique f x a A). apply is_derive_unique, B. Qed.

(* --- what holds at a point and near it --- *)
Lemma all_near n (P : nat -> R -> Prop) x : (forall j, (j < n)%nat -> locally x (P j)) -> locally x (fun y => forall j, (j < n)%nat -> P j y).
Proof.
  induction n; intros H; [apply filter_forall; intros y j Hj; lia|].
  assert (A : locally x (fun y => forall j, (j < n)%nat -> P j y)) by (apply IHn; intros; apply H; lia).
  assert (B : locally x (P n)) by (apply H; lia). generalize (filter_and _ _ A B). apply filter_imp.
  intros y [C D] j Hj. destruct (Nat.eq_dec j n) as [->|]; auto. apply C. lia.
Qed.
Lemma pos_near (f : R -> R) x d : is_derive f x d -> 0 < f x -> locally x (fun y => 0 < f y).
Proof.
  intros D P. assert (C : continuous f x) by (apply (ex_derive_continuous f); exists d; exact D).
  apply (C (fun u => 0 < u)). exact (open_gt 0 (f x) P).
Qed.

(* A function with derivative <= 0 (>= 0) on an interval falls (rises) there. *)
Lemma rises (f df : R -> R) a b : a <= b -> (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> 0 <= df x) -> f a <= f b.
Proof.
  intros [H|<-] D P; [|lra].
  destruct (MVT_gen f a b df) as [c [Hc E]].
  - intros x Hx. rewrite Rmin_left, Rmax_right in Hx by lra. apply D. lra.
  - intros x Hx. rewrite Rmin_left, Rmax_right in Hx by lra.
    apply derivable_continuous_pt. exists (df x). apply is_derive_Reals, D, Hx.
  - rewrite Rmin_left, Rmax_right in Hc by lra. specialize (P c Hc). nra.
Qed.
Lemma falls (f df : R -> R) a b : a <= b -> (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> df x <= 0) -> f b <= f a.
Proof.
  intros H D P. apply Ropp_le_cancel. apply (rises (fun x => - f x) (fun x => - df x) a b H).
  - intros x Hx. apply derive_opp, D, Hx.
  - intros x Hx. specialize (P x Hx). lra.
Qed.
Lemma stays (f : R -> R) a b : a <= b -> (forall x, a <= x <= b -> is_derive f x 0) -> f a = f b.
Proof. intros H D. apply Rle_antisym; [apply (rises f (fun _ => 0))|apply (falls f (fun _ => 0))]; auto; intros; lra. Qed.
