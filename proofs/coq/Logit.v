(* logit-flow, logit-conservation, logit-own-rate, logit-criterion, logit-sum-rule, logit-return-threshold (docs/theory.md, Logit
   elasticity): gradient flow on the free logits of one node, any number n of symbols, N of datasets. LogitTree.v has whole trees. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
Open Scope R_scope.

Definition inner n (a b : nat -> R) := Σ j < n, a j * b j.

Section Softmax.
Variable n : nat.
Hypothesis some : (0 < n)%nat.

Definition Z (z : nat -> R) := Σ j < n, exp (z j).
Definition softmax z j := exp (z j) / Z z.
Definition loss (p z : nat -> R) := - Σ j < n, p j * ln (softmax z j).     (* code length of data p, in nats *)

Lemma Z_pos z : 0 < Z z.
Proof. apply (Sum_pos n _ 0); auto; intros; try left; apply exp_pos. Qed.
Lemma softmax_pos z j : 0 < softmax z j.
Proof. apply Rdiv_lt_0_compat; [apply exp_pos|apply Z_pos]. Qed.
Lemma softmax_unit z : Sum n (softmax z) = 1.
Proof.
  unfold softmax, Rdiv. rewrite (Sum_ext n _ (fun j => / Z z * exp (z j))) by (intros; ring).
  rewrite Sum_scal. fold (Z z). field. pose proof (Z_pos z). lra.
Qed.
Lemma loss_log_sum_exp p z : Sum n p = 1 -> loss p z = ln (Z z) - Σ j < n, p j * z j.
Proof.
  intros P. pose proof (Z_pos z).
  assert (leaf : forall j, (j < n)%nat -> p j * ln (softmax z j) = p j * z j - ln (Z z) * p j).
  { intros j _. unfold softmax. rewrite ln_quot, ln_exp by (auto; apply exp_pos). ring. }
  sum n leaf as S. unfold loss. rewrite S, P. ring.
Qed.

(* The loss along any path of the logits, at any time: its gradient is q - p. *)
Lemma loss_derivative p (z : R -> nat -> R) (v : nat -> R) (tau : R) : Sum n p = 1 ->
  (forall j, (j < n)%nat -> is_derive (fun s => z s j) tau (v j)) ->
  is_derive (fun s => loss p (z s)) tau (inner n (fun j => softmax (z tau) j - p j) v).
Proof.
  intros P D. pose proof (Z_pos (z tau)).
  apply (is_derive_ext (fun s => ln (Z (z s)) - Σ j < n, p j * z s j)).
  { intros s. symmetry. apply loss_log_sum_exp, P. }
  eapply derive_value.
  - apply derive_minus.
    + apply (derive_comp ln (fun s => Z (z s))); [apply derive_ln, Z_pos|].
      apply (derive_Sum n (fun j s => exp (z s j))). intros j Hj. apply (derive_comp exp (fun s => z s j)); [apply derive_exp|apply D, Hj].
    + apply (derive_Sum n (fun j s => p j * z s j)). intros j Hj. apply derive_scal, D, Hj.
  - rewrite <- Sum_scal, <- Sum_minus. apply Sum_ext. intros j _. unfold softmax. field. lra.
Qed.

(* the partial derivative in one logit *)
Lemma gradient p z a : Sum n p = 1 -> (a < n)%nat ->
  is_derive (fun s => loss p (fun j => if Nat.eqb j a then s else z j)) (z a) (softmax z a - p a).
Proof.
  intros P Ha. eapply derive_value.
  - apply (loss_derivative p (fun s j => if Nat.eqb j a then s else z j) (fun j => if Nat.eqb j a then 1 else 0)); auto.
    intros j _. destruct (Nat.eqb j a); [apply (is_derive_id (K := R_AbsRing))|apply derive_const].
  - assert (same : forall j, (if Nat.eqb j a then z a else z j) = z j) by (intros j; destruct (Nat.eqb_spec j a); subst; auto).
    assert (softmax (fun j => if Nat.eqb j a then z a else z j) a = softmax z a) as E.
    { unfold softmax, Z. rewrite same. f_equal. apply Sum_ext. intros; rewrite same; auto. }
    rewrite <- E, <- (Sum_delta n a (fun j => softmax (fun j => if Nat.eqb j a then z a else z j) j - p j)) by auto.
    apply Sum_ext. intros j _. destruct (Nat.eqb j a); ring.
Qed.

(* --- gradient flow on data t --- *)
Definition rate n (p pt q : nat -> R) := - inner n (fun j => p j - q j) (fun j => pt j - q j).
Theorem logit_flow p pt (z : R -> nat -> R) tau : Sum n p = 1 ->
  (forall j, (j < n)%nat -> is_derive (fun s => z s j) tau (pt j - softmax (z tau) j)) ->
  is_derive (fun s => loss p (z s)) tau (rate n p pt (softmax (z tau))).
Proof.
  intros P D. eapply derive_value; [apply (loss_derivative p z _ tau P D)|]. unfold rate, inner. rewrite <- Sum_opp.
  apply Sum_ext. intros; ring.
Qed.
End Softmax.
(* along the flow, for as long as it runs and at any speed c >= 0, the data that is trained never gets worse *)
Lemma own_loss_falls n c pt (z : R -> nat -> R) a b : (0 < n)%nat -> 0 <= c -> Sum n pt = 1 -> a <= b ->
  (forall s j, a <= s <= b -> (j < n)%nat -> is_derive (fun s => z s j) s (c * (pt j - softmax n (z s) j))) -> loss n pt (z b) <= loss n pt (z a).
Proof.
  intros some HC U L D. apply (falls (fun s => loss n pt (z s)) (fun s => c * rate n pt pt (softmax n (z s))) a b L).
  - intros s Hs. eapply derive_value; [apply (loss_derivative n some pt z _ s U (fun j Hj => D s j Hs Hj))|].
    unfold rate, inner. rewrite <- Sum_opp, <- Sum_scal. apply Sum_ext; intros; ring.
  - intros s Hs. apply Ropp_le_cancel. rewrite Ropp_0, Ropp_mult_distr_r. apply Rmult_le_pos; auto.
    unfold rate. rewrite Ropp_involutive. apply Sum_nonneg. intros; apply Rle_0_sqr.
Qed.

Section Laws.
Variables (n N : nat) (vol : nat -> R) (p : nat -> nat -> R) (q : nat -> R).
Lemma rate_symmetric i t : rate n (p i) (p t) q = rate n (p t) (p i) q.
Proof. unfold rate, inner. f_equal. apply Sum_ext; intros; ring. Qed.

(* at a stationary point of the total loss what one dataset gains the others lose, whatever the data pt *)
Theorem logit_conservation pt : (forall j, (j < n)%nat -> (Σ i < N, vol i * (p i j - q j)) = 0) ->
  (Σ i < N, vol i * rate n (p i) pt q) = 0.
Proof.
  intros stationary. unfold rate, inner.
  rewrite (Sum_ext N _ (fun i => Σ j < n, - ((pt j - q j) * (vol i * (p i j - q j))))).
  - rewrite Sum_swap. apply Sum_zero. intros j Hj. rewrite Sum_opp, Sum_scal, stationary by auto. ring.
  - intros i _. rewrite <- Sum_opp, <- Sum_scal. apply Sum_ext. intros; ring.
Qed.

Theorem logit_own_rate pt : rate n pt pt q <= 0 /\ (rate n pt pt q = 0 <-> forall j, (j < n)%nat -> pt j = q j).
Proof.
  assert (H : forall j, (j < n)%nat -> 0 <= (pt j - q j) * (pt j - q j)) by (intros; apply Rle_0_sqr).
  pose proof (Sum_nonneg n _ H). unfold rate, inner. split; [lra|split; intros E].
  - intros j Hj. apply Rminus_diag_uniq, Rsqr_0_uniq. apply (Sum_null n _ H); auto. lra.
  - rewrite Sum_zero; [ring|]. intros j Hj. rewrite E by auto. ring.
Qed.

(* Thales: L_o falls iff q lies outside the ball with diameter p_o p_t; in words, iff the mean probability that the model gives to its own
   samples, plus the overlap of o and t, exceeds what it gives to those of o plus those of t *)
Theorem logit_criterion po pt : let mid j := (po j + pt j) / 2 in
  rate n po pt q = / 4 * (Σ j < n, Rsqr (po j - pt j)) - (Σ j < n, Rsqr (q j - mid j)) /\
  (rate n po pt q < 0 <-> / 4 * (Σ j < n, Rsqr (po j - pt j)) < Σ j < n, Rsqr (q j - mid j)) /\
  (rate n po pt q < 0 <-> inner n po q + inner n pt q < inner n q q + inner n po pt).
Proof.
  intros mid.
  assert (A : rate n po pt q = / 4 * (Σ j < n, Rsqr (po j - pt j)) - (Σ j < n, Rsqr (q j - mid j))).
  { unfold rate, inner. rewrite <- Sum_scal, <- Sum_minus, <- Sum_opp. apply Sum_ext. intros j _. unfold mid, Rsqr. field. }
  assert (B : rate n po pt q = inner n po q + inner n pt q - inner n q q - inner n po pt).
  { unfold rate, inner. rewrite <- Sum_plus, <- !Sum_minus, <- Sum_opp. apply Sum_ext. intros; ring. }
  split; [exact A|split]; [rewrite A|rewrite B]; split; lra.
Qed.
(* q is the mixture with weights w: the others together pay for what is learned. Not all can come back. *)
Theorem logit_sum_rule (w : nat -> R) t : (t < N)%nat -> Sum N w = 1 -> (forall j, (j < n)%nat -> q j = Σ i < N, w i * p i j) ->
  (Σ i < N, (if Nat.eqb i t then 0 else w i * rate n (p i) (p t) q)) = w t * (Σ j < n, Rsqr (p t j - q j)) /\
  (0 <= w t -> 0 <= Σ i < N, (if Nat.eqb i t then 0 else w i * rate n (p i) (p t) q)).
Proof.
  intros Ht U M.
  assert (Z : (Σ i < N, w i * rate n (p i) (p t) q) = 0).
  { unfold rate, inner. rewrite (Sum_ext N _ (fun i => Σ j < n, - ((p t j - q j) * (w i * p i j - q j * w i)))).
    - rewrite Sum_swap. apply Sum_zero. intros j Hj. rewrite Sum_opp, Sum_scal, Sum_minus, Sum_scal, U, <- M by auto. ring.
    - intros i _. rewrite <- Sum_opp, <- Sum_scal. apply Sum_ext. intros; ring. }
  assert (O : rate n (p t) (p t) q = - Σ j < n, Rsqr (p t j - q j)) by reflexivity.
  rewrite (Sum_split N t _ Ht), O in Z. assert (0 <= Σ j < n, Rsqr (p t j - q j)) by (apply Sum_nonneg; intros; nonneg).
  split; [|intros]; nra.
Qed.

(* --- the return threshold --- *)
Hypothesis disjoint : forall i t, (i < N)%nat -> (t < N)%nat -> i <> t -> inner n (p i) (p t) = 0.
Let c i := inner n (p i) (p i).                                  (* collision probability of part i *)
Variable w : nat -> R.
Hypothesis mixture : forall j, (j < n)%nat -> q j = Σ i < N, w i * p i j.

Lemma part_in_mixture o : (o < N)%nat -> inner n (p o) q = w o * c o.
Proof.
  intros Ho. unfold c. unfold inner at 1.
  rewrite (Sum_ext n _ (fun j => Σ i < N, w i * (p o j * p i j))).
  2: { intros j Hj. rewrite mixture, <- Sum_scal by auto. apply Sum_ext; intros; ring. }
  rewrite Sum_swap, <- (Sum_delta N o (fun i => w i * inner n (p o) (p i)) Ho).
  apply Sum_ext. intros i Hi. rewrite Sum_scal. destruct (Nat.eqb_spec i o) as [->|D]; [reflexivity|].
  fold (inner n (p o) (p i)). rewrite disjoint by auto. ring.
Qed.
Lemma mixture_collision : inner n q q = Σ i < N, w i * w i * c i.
Proof.
  unfold inner at 1. rewrite (Sum_ext n _ (fun j => Σ i < N, w i * (p i j * q j))).
  2: { intros j Hj. rewrite (mixture j Hj) at 1. rewrite Rmult_comm, <- Sum_scal. apply Sum_ext; intros; ring. }
  rewrite Sum_swap. apply Sum_ext. intros i Hi. rewrite Sum_scal.
  pose proof (part_in_mixture i Hi). unfold inner in H. rewrite H. ring.
Qed.
(* N parts, any weights and collision probabilities: part o comes back while part t <> o is trained iff this is positive *)
Lemma return_rate o t : (o < N)%nat -> (t < N)%nat -> o <> t ->
  - rate n (p o) (p t) q = (Σ i < N, w i * w i * c i) - w o * c o - w t * c t.
Proof.
  intros Ho Ht D. rewrite <- mixture_collision, <- !part_in_mixture by auto. unfold rate. rewrite Ropp_involutive.
  assert (leaf : forall j, (j < n)%nat -> (p o j - q j) * (p t j - q j) = p o j * p t j - p o j * q j - p t j * q j + q j * q j)
    by (intros; ring).
  unfold inner. sum n leaf as S. rewrite S. fold (inner n (p o) (p t)). rewrite disjoint by auto. ring.
Qed.
Theorem logit_return_threshold o t : (o < N)%nat -> (t < N)%nat -> o <> t ->
  (rate n (p o) (p t) q < 0 <-> w o * c o + w t * c t < Σ i < N, w i * w i * c i).
Proof. intros Ho Ht D. pose proof (return_rate o t Ho Ht D). split; lra. Qed.
End Laws.

(* equal collision probabilities; part 0 has weight s, the N - 1 others share the rest: the threshold is N s^2 = 1 *)
Theorem logit_return_threshold_equal n N (p : nat -> nat -> R) q c s o t : (1 < N)%nat -> (0 < o < N)%nat -> (0 < t < N)%nat -> o <> t -> 0 < c ->
  (forall i t, (i < N)%nat -> (t < N)%nat -> inner n (p i) (p t) = if Nat.eqb i t then c else 0) ->
  (forall j, (j < n)%nat -> q j = Σ i < N, (if Nat.eqb i 0 then s else (1 - s) / INR (N - 1)) * p i j) ->
  (rate n (p o) (p t) q < 0 <-> INR N * (s * s) > 1).
Proof.
  intros HN Ho Ht D C G Q. set (w := fun i => if Nat.eqb i 0 then s else (1 - s) / INR (N - 1)) in *.
  assert (disj : forall i t, (i < N)%nat -> (t < N)%nat -> i <> t -> inner n (p i) (p t) = 0).
  { intros i u Hi Hu Du. rewrite G by auto. destruct (Nat.eqb_spec i u); [contradiction|auto]. }
  pose proof (return_rate n N p q disj w Q o t ltac:(lia) ltac:(lia) D) as R.
  rewrite (Sum_ext N _ (fun i => c * (w i * w i))) in R by (intros; rewrite G, Nat.eqb_refl by auto; ring).
  rewrite Sum_scal, !G, !Nat.eqb_refl, (Sum_split N 0) in R by lia.
  set (m := INR (N - 1)). assert (M : 0 < m) by (apply (lt_INR 0); lia).
  assert (E : INR N = m + 1) by (unfold m; rewrite <- S_INR; f_equal; lia).
  assert (W : (Σ j < N, (if Nat.eqb j 0 then 0 else w j * w j)) = m * ((1 - s) / m * ((1 - s) / m))).
  { pose proof (Sum_split N 0 (fun _ => (1 - s) / m * ((1 - s) / m)) ltac:(lia)) as T. rewrite Sum_const, E in T.
    rewrite (Sum_ext N _ (fun j => if Nat.eqb j 0 then 0 else (1 - s) / m * ((1 - s) / m))); [lra|].
    intros j _. unfold w. fold m. destruct (Nat.eqb j 0); auto. }
  rewrite W in R. unfold w in R. destruct (Nat.eqb_spec o 0), (Nat.eqb_spec t 0); try lia. cbn [Nat.eqb] in R. fold m in R.
  assert (F : - rate n (p o) (p t) q = c / m * (INR N * (s * s) - 1)) by (rewrite R, E; field; lra).
  assert (0 < c / m) by (apply Rdiv_lt_0_compat; auto). split; intros; nra.
Qed.
(* the case of the theory: three parts *)
Corollary logit_return_threshold_three n (pa po pt : nat -> R) c s : 0 < c ->
  inner n pa pa = c -> inner n po po = c -> inner n pt pt = c -> inner n pa po = 0 -> inner n pa pt = 0 -> inner n po pt = 0 ->
  let q := fun j => s * pa j + (1 - s) / 2 * (po j + pt j) in (rate n po pt q < 0 <-> 3 * (s * s) > 1).
Proof.
  intros C aa oo tt ao at_ ot q.
  assert (sym : forall a b, inner n a b = inner n b a) by (intros; apply Sum_ext; intros; ring).
  replace 3 with (INR 3) by (simpl; ring).
  apply (logit_return_threshold_equal n 3 (fun i => match i with O => pa | 1%nat => po | _ => pt end) q c s 1 2); auto; try lia.
  - intros [|[|[|i]]] [|[|[|t]]] ? ?; try lia; simpl; auto; rewrite sym; auto.
  - intros j _. unfold q. simpl. field.
Qed.
